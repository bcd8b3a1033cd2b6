"use strict";
document.documentElement.classList.add("js");
const list = document.querySelector(".runs");
const buttons = [...document.querySelectorAll("[data-sort]")];
const number = (run, key) => {
  const text = run.getAttribute("data-" + key.replaceAll("_", "-"));
  return text === "" ? null : Number(text);
};
const sort = (button) => {
  const key = button.dataset.sort;
  const sign = button.dataset.larger === "1" ? -1 : 1;
  const runs = [...list.children].sort((a, b) => {
    const [x, y] = [number(a, key), number(b, key)];
    if (x === null || y === null) return (x === null) - (y === null) || a.dataset.place - b.dataset.place;
    return sign * (x - y) || a.dataset.place - b.dataset.place;
  });
  list.append(...runs);
  runs.forEach((run, place) => { run.querySelector(".number").textContent = place + 1; });
  for (const other of buttons) other.setAttribute("aria-pressed", other === button);
};
for (const button of buttons) button.addEventListener("click", () => sort(button));
