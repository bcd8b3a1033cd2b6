"""The check of breathing on files: a clip, its reference, and the result that is kept."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from tests.clips import write_clip
from tests.test_breathing import look_at, make_texture
from vdof import breathing
from vdof.check.measure.key_frames import find_key_stamps
from vdof.check.measure.pixel_gauge import PixelGauge
from vdof.check.of_clip import iter_looks
from vdof.check.result_file import read_result, write_result
from vdof.check.verdict import CANNOT_JUDGE, FLAGGED, Breathing, CheckResult, Diagnostic, Span
from vdof.errors import InputError
from vdof.video import probe


def test_clip_and_reference_from_files(tmp_path):
    texture = (make_texture(size=(48, 160)) * 255).astype(np.uint8)

    def slide(index, width, height):
        return np.repeat(texture[:height, index : index + width, None], 3, axis=2)

    clip = write_clip(tmp_path / "clip.mkv", frames=24, size=(96, 48), rate=Fraction(12), picture=slide)
    short = write_clip(tmp_path / "short.mkv", frames=12, size=(96, 48), rate=Fraction(12), picture=slide)
    wide = write_clip(tmp_path / "wide.mkv", frames=24, size=(128, 48), rate=Fraction(12), picture=slide)
    assert not breathing(clip, reference=clip).flagged
    assert breathing(short).verdict == CANNOT_JUDGE
    assert find_key_stamps(probe(clip)) == {0}
    with pytest.raises(InputError, match="ends after 12 frames"):
        breathing(clip, reference=short)
    with pytest.raises(InputError, match="128x48"):
        breathing(clip, reference=wide)
    with pytest.raises(InputError, match="does not exist; reference must be a video file"):
        breathing(clip, reference=tmp_path / "none.mkv")


def test_a_reference_of_another_rate_is_matched_by_time_or_refused(tmp_path):
    def shade(index, width, height):
        return np.full((height, width, 3), 20 * index % 250, np.uint8)

    options = {"size": (64, 48), "picture": shade}
    slow = write_clip(tmp_path / "slow.mkv", frames=6, rate=Fraction(12), **options)
    fast = write_clip(tmp_path / "fast.mkv", frames=12, rate=Fraction(24), **options)
    looks = list(iter_looks(probe(slow), fast, []))
    levels = [(float(look.image.mean()), float(look.sharp.mean())) for look in looks]
    assert len(levels) == 6
    assert all(sharp == pytest.approx(2 * image, abs=0.02) for image, sharp in levels)
    with pytest.raises(InputError, match=r"has 12 frames a second and none at the time of frame 1 of .*24"):
        list(iter_looks(probe(fast), slow, []))


def test_a_reference_whose_times_go_apart_is_said_once(tmp_path, caplog):
    even = write_clip(tmp_path / "even.mkv", frames=12)
    uneven = write_clip(tmp_path / "uneven.mkv", pts=[512 * k + 2048 * (k > 4) for k in range(12)])
    assert probe(uneven).frame_rate == probe(even).frame_rate
    assert len(list(iter_looks(probe(uneven), even, []))) == 12
    assert [record.getMessage()[:19] for record in caplog.records] == ["reference: frame 5 "]


def test_result_survives_its_file(tmp_path):
    found = Breathing("blind", math.nan, 0.06, CANNOT_JUDGE, "too short", 0.0, shot_scores=[math.nan])
    other = Breathing("pipeline", 0.1, 0.01, FLAGGED, "pulses", spans=[Span(1, 5, "breathing", "background", 0.1)])
    advice = Diagnostic("halo", "Halo", math.nan, 0.5, None, "no subject", "none", box=(0.0, 0.0, 1.0, 1.0))
    result = CheckResult("a.mp4", [found, other], [advice], {"transition_percent": 2.0})
    write_result(tmp_path / "check.json", result)
    plain = json.loads((tmp_path / "check.json").read_text())
    assert plain["verdict"] == CANNOT_JUDGE
    assert plain["exit_code"] == 4
    assert plain["breathing"][0]["score"] is None
    assert plain["breathing"][1]["frames"] == [[1, 5]]
    back = read_result(tmp_path / "check.json")
    assert math.isnan(back.breathing[0].score)
    assert back.breathing[1] == other
    assert back.diagnostics[0].box == advice.box
    (tmp_path / "check.json").write_text("{}")
    with pytest.raises(InputError, match="not a check.json"):
        read_result(tmp_path / "check.json")


def test_a_picture_of_a_few_pixels_cannot_be_judged():
    gauge = PixelGauge("blind", 0.03)
    for index in range(24):
        gauge.add(look_at(index, make_texture(seed=index, size=(16, 64))))
    assert gauge.finish().reason.startswith("too small")
