"""The report page: complete, self-contained, small, escaped, and honest about what it does not know."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.clips import write_clip
from vdof.check.look import Look
from vdof.check.ranking.transition import TransitionGauge
from vdof.check.report import ReportContext, ReportGauge, Traces, write_report
from vdof.check.report import page as page_module
from vdof.check.report.moments import choose_moments
from vdof.check.report.pictures import crop, read_pictures, show
from vdof.check.report.plot import MOST_POINTS, Curve, choose_steps, draw
from vdof.check.verdict import CANNOT_JUDGE, FINE, FLAGGED, Breathing, CheckResult, Diagnostic, Span
from vdof.errors import InputError, OutputError
from vdof.lens import Lens
from vdof.shotlog.entry import ShotEntry, ShotReport
from vdof.video import VideoConfig

FRAMES = 12
EVIL = "<script>alert(1)</script> \u201e\u00e4\u4e16\u201c & 'x'"
VOID = {"meta", "img", "input", "br", "link", "circle", "path", "rect"}


class Page(HTMLParser):
    """Collects what a page holds, and whether its tags close."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return [write_clip(folder / f"{name}.mp4", size=(160, 96), frames=FRAMES) for name in ("after", "before")]


def make_traces(shots=2, count=FRAMES):
    seconds = [k / 24 for k in range(count)]
    numbers = [k * shots // count for k in range(count)]
    return Traces(list(range(count)), seconds, numbers, [0.5] * count, [9.0 + k for k in range(count)])


def make_result(verdict=FLAGGED, diagnostics=None, **changes):
    seconds = [k / 24 for k in range(FRAMES)]
    breathing = {
        FLAGGED: Breathing(
            "pipeline", 0.21, 0.08, FLAGGED, "It pulses.", 0.9, {"breathing": 0.21},
            [Span(2, 6, "breathing", "background", 0.2)], seconds, {"background": [0.2, -0.2] * (FRAMES // 2)},
        ),
        FINE: Breathing("pipeline", 0.01, 0.08, FINE, "It is still.", 1.0, {}, [], seconds, {"subject": [0.0] * FRAMES}),
        CANNOT_JUDGE: Breathing("blind", math.nan, 0.08, CANNOT_JUDGE, "Too short.", 0.0),
    }[verdict]  # fmt: skip
    if diagnostics is None:
        diagnostics = [
            Diagnostic(
                "halo", "Double edges", 0.4, 0.2, True, "A line.", "More distance.", [3, 4], (0.2, 0.2, 0.5, 0.6)
            ),
            Diagnostic("pop", "Popping", 0.1, 0.2, False, "Smooth.", "Nothing."),
            Diagnostic("grid", "Vibrating grid", math.nan, 0.2, None, "No pattern.", "Nothing."),
        ]
    return CheckResult("after.mp4", [breathing], diagnostics, **changes)


def make_context(clips, shots=2, **changes):
    entries = [ShotEntry(f"shot {k}", k * FRAMES // shots, (k + 1) * FRAMES // shots - 1) for k in range(shots)]
    measured = {
        "focus_distance_m": {"first": 2.0, "last": 3.0}, "coc_background_px": 12.5, "width_px": 160, "breathing": 0.21,
        "assumed": {"subject_distance_m": 2.0, "background_distance_m": 8.0},
    }  # fmt: skip
    record = {"config": {"input": "before.mp4", "lens": {"f_number": 1.8}, "given": ["lens.f_number"]},
              "seconds": {"bokeh": 2.5, "encode": 0.5}, "versions": {"torch": "2"}, "device": "cpu"}  # fmt: skip
    known = {
        "clip": clips[0], "sharp": clips[1], "traces": make_traces(shots),
        "lenses": [(Lens(), 2.0 + k / 4) for k in range(FRAMES)],
        "shots": [ShotReport(entry, Lens(), "assumed", measured) for entry in entries], "record": record,
    }  # fmt: skip
    return ReportContext(**(known | changes))


def write(tmp_path, result, context, **changes):
    path = tmp_path / "report.html"
    write_report(path, result, context, **changes)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    return text, page


def test_report_holds_everything_and_loads_nothing(tmp_path, clips):
    text, page = write(tmp_path, make_result(), make_context(clips))
    for words in (
        "The blur breathes: discs grow and shrink by about 16 %.", "It pulses.", "Before and after", "Flagged ranges",
        "0.08 to 0.29 s", "2\u20136", "Circle of confusion", "Focus distance", "12.5 px \u00b7 7.81 %", "2.00 \u2192 3.00 m",
        "~2.00 m", "Double edges", "More distance.", "1 fine", "1 not judged", "No pattern.", "lens.f_number=1.8",
        "~8.00 m behind", "0.25 to 6 Hz", "bokeh", "2.5 s", "torch",
    ):  # fmt: skip
        assert words in page.text, words
    assert all(value.startswith("data:image/jpeg;base64,") for value in page.values("src"))
    assert page.values("href") == []
    assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face", text)
    assert all(page.values("alt"))
    assert len(page.values("alt")) == page.tags.count("img")
    assert 'name="viewport"' in text
    assert page.tags.count("img") == 2 * 2 + 2
    assert page.tags.index("h1") < page.tags.index("h2")


def test_report_of_a_foreign_clip_leaves_out_what_it_does_not_know(tmp_path, clips):
    _, page = write(tmp_path, make_result(CANNOT_JUDGE, []), ReportContext(clip=clips[0]))
    assert "cannot be judged" in page.text
    assert "Too short." in page.text
    assert "The picture" in page.text
    for words in ("Before and after", "Over time", "Shots", "Diagnostics", "The run", "nan"):
        assert words not in page.text, words
    assert "input" not in page.tags


def test_fine_report_says_so(tmp_path, clips):
    fine = [Diagnostic("pop", "Popping", 0.1, 0.2, False, "Smooth.", "Nothing.")]
    _, page = write(tmp_path, make_result(FINE, fine), make_context(clips))
    assert "The blur holds still. It is still." in page.text
    assert "Nothing found." in page.text
    assert "Flagged ranges" not in page.text


def test_blur_of_a_smaller_render_is_in_its_own_pixels_and_sharp_follows_focus(tmp_path, clips):
    context = make_context(clips, shots=1)
    context.shots[0].measured.update(coc_background_px=25.0, width_px=320)
    _, page = write(tmp_path, make_result(), context)
    assert "12.5 px \u00b7 7.81 %" in page.text
    ranges = re.search(r"([\d.]+)\u2013([\d.]+) \u2192 ([\d.]+)\u2013([\d.]+) m", page.text)
    near, far, later_near, later_far = (float(part) for part in ranges.groups())
    assert near < 2 < far < later_near < 3 < later_far


def test_names_are_escaped(tmp_path):
    clip = write_clip(tmp_path / "a<b> & 'c' \u4e16.mp4", size=(64, 48), frames=3)
    shot = ShotReport(ShotEntry(EVIL, 0, 2), Lens(), "given", {})
    result = make_result()
    result.breathing[0].reason = EVIL
    result.breathing[0].curves = {"</script>" + EVIL: [0.1] * FRAMES}
    result.diagnostics[0].title = EVIL
    context = ReportContext(
        clip=clip, traces=make_traces(1, 3), shots=[shot], record={"config": {EVIL: EVIL}, "seconds": {EVIL: 1.0}}
    )
    text, page = write(tmp_path, result, context)
    assert "<script>alert" not in text
    assert page.tags.count("script") == 2
    assert page.text.count("<script>alert(1)</script>") >= 5
    assert clip.name in page.text


def test_pictures_get_smaller_until_the_page_fits(tmp_path, clips, monkeypatch):
    large, _ = write(tmp_path, make_result(), make_context(clips))
    monkeypatch.setattr(page_module, "LADDER", (page_module.Quality(1280, 95), page_module.Quality(40, 30)))
    smaller, page = write(tmp_path, make_result(), make_context(clips), most_bytes=len(large) - 2000)
    assert len(smaller) < len(large)
    assert "40" in page.values("width")
    with pytest.raises(OutputError, match="expected 1;"):
        write(tmp_path, make_result(), make_context(clips), most_bytes=1000)


def test_many_shots_show_six_moments(clips):
    moments = choose_moments(make_context(clips, shots=FRAMES))
    assert [name for name, _ in moments] == ["shot 0", "shot 2", "shot 4", "shot 7", "shot 9", "shot 11"]
    assert [frame for _, frame in choose_moments(make_context(clips, shots=1))] == [4, 8]
    assert choose_moments(ReportContext(clip=clips[0])) == [("frame 4", 4), ("frame 8", 8)]


def test_pictures_are_the_frames_asked_for(clips):
    found = read_pictures(clips[0], VideoConfig(), {2, 7, 99})
    assert sorted(found) == [2, 7]
    assert found[2].shape == (96, 160, 3)
    left = [int(np.argmax(found[k][40].astype(int).sum(-1) > 500)) for k in (2, 7)]
    assert left[1] - left[0] == pytest.approx(10, abs=2)
    assert show(found[2], 80, 80).width == 80
    with pytest.raises(InputError):
        read_pictures(clips[0].with_name("missing.mp4"), VideoConfig(), {0})


def test_crop_stays_inside_and_keeps_its_place():
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[80:, 150:] = 255
    detail, cut = crop(picture, (0.95, 0.9, 1.0, 1.0))
    assert detail.max() == 255
    assert all(0 <= value <= 1 for value in cut)
    assert detail.shape[1] == round((cut[2] - cut[0]) * 160)


def test_gauge_measures_coc_in_pixels_of_the_file():
    coc = np.full((30, 40), 6.0, np.float32)
    coc[10:20, 10:30] = -1.0
    gauge = ReportGauge(width_px=160)
    gauge.add(Look(0, 0.0, 0, np.zeros((30, 40, 3), np.float32), coc=coc, subject=coc < 0))
    gauge.add(Look(1, 0.1, 1, np.zeros((30, 40, 3), np.float32)))
    traces = gauge.finish()
    assert traces.coc_subject[0] == pytest.approx(4)
    assert traces.coc_background[0] == pytest.approx(24)
    assert math.isnan(traces.coc_background[1])
    assert traces.shots == [0, 1]


def grow_blur(slope, width=240):
    """Blur that grows by `slope` px a px beside a sharp subject."""
    blur = np.maximum(0, (np.arange(width) - width / 3) * slope).clip(max=20)
    return np.tile(blur.astype(np.float32), (60, 1))


@pytest.mark.parametrize("slope", [0.1, 0.2])
def test_transition_is_the_distance_over_which_blur_grows(slope):
    coc = grow_blur(slope)
    gauge = TransitionGauge()
    gauge.add(Look(0, 0.0, 0, np.zeros((60, 240, 3), np.float32), coc=coc))
    expected = 100 * (1 / 100 - 1 / 1200) / slope
    assert gauge.finish() == pytest.approx(expected, rel=0.1)


def test_transition_of_a_cut_out_is_none_and_without_blur_unknown():
    cut_out = np.where(np.arange(240) < 80, 0.0, 12.0)[None].repeat(60, 0).astype(np.float32)
    for coc, expected in ((cut_out, 0.0), (np.zeros((60, 240), np.float32), None), (None, None)):
        gauge = TransitionGauge()
        gauge.add(Look(0, 0.0, 0, np.zeros((60, 240, 3), np.float32), coc=coc))
        assert gauge.finish() == expected


def test_long_curves_keep_their_peaks_and_break_at_cuts():
    values = [0.0] * 10_000
    values[5003] = 9.0
    plot = draw("a", "A", "px", [k / 24 for k in range(10_000)], [Curve("x", values, 1)], cuts=[200.0])
    assert len(plot.curves[0].values) <= MOST_POINTS
    assert max(plot.curves[0].values) == 9.0
    assert plot.curves[0].path.count("M") == 2
    assert draw("a", "A", "px", [0.0, 1.0], [Curve("x", [math.nan] * 2, 1)]) is None


def test_steps_are_round():
    assert choose_steps(0, 7.9, 4) == [0, 2, 4, 6]
    assert choose_steps(-0.3, 0.3, 4) == [-0.2, 0, 0.2]
