"""Each diagnostic of single frames on a picture with the fault, and on the same without it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vdof.check.diagnostics import all_gauges
from vdof.check.diagnostics.blur_size import find_blur
from vdof.check.diagnostics.discs import find_discs
from vdof.check.diagnostics.outline import find_outline
from vdof.check.diagnostics.view import View, follow_coc, measure_distance
from vdof.check.look import Look
from vdof.check.verdict import Diagnostic

SIZE = (180, 320)
COC = 12.0
Map = NDArray[np.float32]


def judge(name: str, *looks: Look) -> Diagnostic:
    gauge = next(gauge for gauge in all_gauges() if gauge.finish().name == name)
    for look in looks:
        gauge.add(look)
    return gauge.finish()


def make_texture(seed: int = 0) -> Map:
    rng = np.random.default_rng(seed)
    fine = rng.uniform(0.2, 0.4, (*SIZE, 3))
    coarse = cv2.GaussianBlur(rng.uniform(-1, 1, SIZE), (0, 0), 12)
    return np.clip(fine + (0.15 * coarse / coarse.std())[..., None], 0, 1).astype(np.float32)


def make_mask(grow: int = 0) -> NDArray[np.bool_]:
    mask = np.zeros(SIZE, bool)
    mask[50 - grow :, 110 - grow : 210 + grow] = True
    return mask


def blur_behind(sharp: Map, front: NDArray[np.bool_], sigma: float = COC / 4) -> Map:
    """What a lens makes of it: the background blurred without the front, the front over it."""
    weight = (~front).astype(np.float32)
    light = cv2.GaussianBlur(sharp**2.2 * weight[..., None], (0, 0), sigma)
    behind = (light / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)[..., None]) ** (1 / 2.2)
    return np.where(front[..., None], sharp, behind).astype(np.float32)


def make_look(in_focus: NDArray[np.bool_] | None = None) -> Look:
    """A bright figure before a blurred background; `in_focus` is where the coc is 0."""
    figure = make_mask()
    front = figure if in_focus is None else in_focus
    sharp = np.where(figure[..., None], 0.5 + make_texture(1), 0.8 * make_texture()).clip(0, 1).astype(np.float32)
    coc = np.where(front, 0, COC).astype(np.float32)
    return Look(0, 0.0, 0, blur_behind(sharp, front), sharp, coc, front)


@pytest.mark.parametrize("name", ["halo", "smoke", "mud", "separation", "focus_missed", "hierarchy"])
def test_a_clean_picture_has_no_fault(name: str) -> None:
    assert judge(name, make_look()).found is False


def test_a_rim_of_sharp_background_is_a_halo() -> None:
    found = judge("halo", make_look(make_mask(grow=4)))
    assert found.found
    assert "rim" in found.reason


def test_light_around_the_edge_is_a_halo() -> None:
    look = make_look()
    near = np.exp(-np.maximum(0, measure_distance(make_mask())) / 2) * ~make_mask()
    found = judge("halo", replace(look, image=np.clip(look.image + 0.4 * near[..., None], 0, 1).astype(np.float32)))
    assert found.found
    assert "light" in found.reason
    assert found.box is not None


def test_a_figure_that_goes_on_behind_the_focus_smokes() -> None:
    kept = make_mask()
    kept[:56] = False
    assert judge("smoke", make_look(kept)).found
    assert not judge("halo", make_look(kept)).found


def test_edges_cannot_be_judged_without_source_or_step() -> None:
    look = make_look()
    assert judge("halo", replace(look, coc=None, sharp=None)).found is None
    assert judge("smoke", replace(look, coc=np.zeros(SIZE, np.float32))).found is None


@pytest.mark.parametrize(("far", "expected"), [(4.0, True), (20.0, False)])
def test_one_close_distance_is_a_wall(far: float, expected: bool) -> None:
    look = make_look()
    assert judge("wall", replace(look, coc=np.where(make_mask(), 0, far).astype(np.float32))).found is expected


def test_a_street_is_no_wall() -> None:
    ramp = np.linspace(5, 1, SIZE[0], dtype=np.float32)[:, None] * np.ones(SIZE, np.float32)
    assert judge("wall", replace(make_look(), coc=np.where(make_mask(), 0, ramp).astype(np.float32))).found is False


def draw_discs(axes: list[tuple[int, int]], veil: float = 0.0, fringe: int = 0) -> Look:
    """Lights in the dark with discs of these half axes; `fringe` makes the green disc smaller."""
    light = np.full((*SIZE, 3), 0.002, np.float32)
    sharp = np.full((*SIZE, 3), 0.05, np.float32)
    for place, (wide, high) in enumerate(axes):
        middle = 30 + 44 * (place % 7), 30 + 50 * (place // 7)
        sharp[middle[1], middle[0]] = 1
        for channel in range(3):
            less = fringe * (channel == 1)
            disc = np.zeros((4 * SIZE[0], 4 * SIZE[1]), np.float32)
            centre, half = (4 * middle[0] + 2, 4 * middle[1] + 2), (4 * (wide - less), 4 * (high - less))
            cv2.ellipse(disc, centre, half, 0, 0, 360, 0.4, -1)
            light[..., channel] += cv2.resize(disc, SIZE[::-1], interpolation=cv2.INTER_AREA)
    light += veil * cv2.GaussianBlur(light, (0, 0), 6)
    return Look(0, 0.0, 0, np.clip(light, 0, 1) ** np.float32(1 / 2.2), sharp)


def test_discs_are_found_with_their_shape() -> None:
    discs = find_discs(View(draw_discs([(8, 8)] * 3 + [(5, 8)])))
    assert len(discs) == 4
    ovals = [disc for disc in discs if np.hypot(*disc.shape) > 0.2]
    assert len(ovals) == 1
    assert np.hypot(*ovals[0].shape) == pytest.approx(np.log(8 / 5), abs=0.06)
    assert ovals[0].shape[0] < 0  # upright


@pytest.mark.parametrize(
    ("axes", "expected"),
    [([(8, 8)] * 14, False), ([(5, 8)] * 14, False), ([(8, 8)] * 8 + [(5, 8)] * 6, True), ([(8, 8)] * 4, None)],
)
def test_only_two_families_of_discs_are_mixed(axes: list[tuple[int, int]], expected: bool | None) -> None:
    assert judge("mixed_bokeh", draw_discs(axes)).found is expected


@pytest.mark.parametrize(
    ("options", "word"),
    [({}, None), ({"veil": 1.0}, "veil"), ({"fringe": 1}, "fringe")],
    ids=["clean", "veil", "fringe"],
)
def test_dirty_discs(options: dict[str, float], word: str | None) -> None:
    found = judge("dirty_bokeh", draw_discs([(8, 8)] * 8, **options))  # type: ignore[arg-type]
    assert found.found is (word is not None)
    assert word is None or word in found.reason


def test_discs_are_not_judged_in_a_picture_alone() -> None:
    alone = replace(draw_discs([(8, 8)] * 8), sharp=None)
    assert judge("mixed_bokeh", alone).found is None
    assert judge("dirty_bokeh", alone).found is None


def test_a_smooth_face_before_bright_colours_has_lost_its_place() -> None:
    look = make_look()
    rng = np.random.default_rng(2)
    garish = np.where(make_mask()[..., None], 0.5, rng.uniform(0, 1, (*SIZE, 3))).astype(np.float32)
    assert judge("hierarchy", replace(look, image=garish)).found


def test_a_background_without_structure_is_mud() -> None:
    look = make_look()
    plain = np.where(make_mask()[..., None], look.image, look.image[~make_mask()].mean(axis=0)).astype(np.float32)
    assert judge("mud", replace(look, image=plain)).found
    assert judge("mud", replace(look, sharp=plain, image=plain)).found is None


def test_a_subject_of_the_background_s_colours_is_not_separated() -> None:
    look = make_look()
    sharp = 0.3 + 0.3 * make_texture()
    assert judge("separation", replace(look, sharp=sharp, image=blur_behind(sharp, make_mask()))).found


def test_a_blurred_face_is_a_missed_focus() -> None:
    look = make_look()
    found = judge("focus_missed", replace(look, coc=COC - look.coc))  # type: ignore[operator]
    assert found.found
    assert "focus.point" in found.action
    assert judge("focus_missed", replace(look, subject=None)).found is None


def test_missed_focus_is_measured_without_the_coc() -> None:
    look = make_look()
    assert judge("focus_missed", replace(look, coc=None)).found is False
    soft = cv2.GaussianBlur(look.image, (0, 0), 2.0)
    assert judge("focus_missed", replace(look, coc=None, image=soft)).found


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_blur_is_measured_against_the_source(sigma: float) -> None:
    sharp = make_texture()
    blur = find_blur(View(Look(0, 0.0, 0, cv2.GaussianBlur(sharp, (0, 0), sigma), sharp)))
    assert blur is not None
    assert np.nanmedian(blur) == pytest.approx(4 * sigma, rel=0.15)


def test_the_outline_lies_where_the_coc_steps() -> None:
    outline = find_outline(View(make_look(make_mask(grow=4))))
    assert outline is not None
    line = outline.near_line & (np.abs(outline.distance) < 1)
    assert np.abs(measure_distance(make_mask(grow=4)))[line].max() < 2


def test_a_rough_mask_follows_the_coc() -> None:
    coc = np.where(make_mask(), 0, COC).astype(np.float32)
    assert (follow_coc(make_mask(grow=3), coc, 6.0) == make_mask()).mean() > 0.995


def test_blots_of_a_blurred_pattern_are_no_lights() -> None:
    noise = np.random.default_rng(1).random((181, 321, 3)).astype(np.float32)
    pattern = cv2.GaussianBlur(noise, (0, 0), 1.0)
    pattern = (0.5 + 0.18 * (pattern - pattern.mean()) / pattern.std()).clip(0, 1)
    view = View(Look(0, 0.0, 0, cv2.GaussianBlur(pattern, (0, 0), 2.0), pattern))
    assert len(find_discs(view)) < 6
