"use strict";
document.documentElement.classList.add("js");

for (const compare of document.querySelectorAll(".compare")) {
  const input = compare.querySelector("input");
  const show = () => compare.style.setProperty("--at", input.value + "%");
  const follow = (event) => {
    const box = compare.getBoundingClientRect();
    input.value = 100 * (event.clientX - box.left) / box.width;
    show();
  };
  input.addEventListener("input", show);
  compare.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    compare.setPointerCapture(event.pointerId);
    input.focus({ preventScroll: true, focusVisible: false });
    follow(event);
    event.preventDefault();
  });
  compare.addEventListener("pointermove", (event) => {
    if (compare.hasPointerCapture(event.pointerId)) follow(event);
  });
  show();
}

const moments = [...document.querySelectorAll(".moment")];
const tabs = [...document.querySelectorAll(".tabs button")];
const choose = (chosen) => {
  moments.forEach((moment, place) => { moment.hidden = place !== chosen; });
  tabs.forEach((tab, place) => tab.setAttribute("aria-pressed", place === chosen));
};
tabs.forEach((tab, place) => tab.addEventListener("click", () => choose(place)));
if (tabs.length) choose(0);

const readout = JSON.parse(document.getElementById("readout").textContent);
const plots = readout.map((data) => ({ data, figure: document.querySelector(`[data-plot="${data.name}"]`) }));
let now = null;
const nearest = (times, time) => {
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] > time) high = middle; else low = middle;
  }
  return time - times[low] < times[high] - time ? low : high;
};
const first = Math.min(...plots.map((plot) => plot.data.times[0]));
const last = Math.max(...plots.map((plot) => plot.data.times.at(-1)));
const format = (value) => value === null ? "–" : String(+value.toPrecision(3));
const read = (time) => {
  now = time === null ? null : Math.min(last, Math.max(first, time));
  for (const { data, figure } of plots) {
    const place = now === null ? -1 : nearest(data.times, now);
    figure.classList.toggle("is-read", now !== null);
    figure.querySelector(".cursor").style.left = now === null ? "" : 100 * (now - first) / (last - first) + "%";
    figure.querySelector(".at").textContent = now === null ? "" : data.times[place].toFixed(2) + " s";
    figure.querySelectorAll(".key b").forEach((word, row) => {
      word.textContent = now === null ? word.dataset.summary : format(data.curves[row].values[place]);
    });
  }
};
for (const { figure } of plots) {
  const box = figure.querySelector(".box");
  const point = (event) => {
    const edges = box.getBoundingClientRect();
    read(first + (last - first) * (event.clientX - edges.left) / edges.width);
  };
  box.addEventListener("pointermove", point);
  box.addEventListener("pointerdown", point);
  box.addEventListener("pointerleave", () => read(null));
  box.addEventListener("blur", () => read(null));
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") read(null);
    if (!step) return;
    event.preventDefault();
    read((now ?? (first + last) / 2) + step * (last - first) / 100);
  });
}

window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll(".judged")) part.open = true;
});
