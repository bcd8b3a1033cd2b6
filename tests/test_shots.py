"""Shots: cuts at the exact frame, flashes and fades, and the partition of [0, n)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vdof.errors import ConfigError
from vdof.shots import AnalysisFrame, ShotsConfig, count_look_ahead, split_shots


def picture(seed: int, step: int = 0) -> Tensor:
    """A blotchy coloured picture (1,3,36,64), moved `step` px to the right."""
    noise = torch.rand((1, 3, 6, 12), generator=torch.Generator().manual_seed(seed))
    image = torch.nn.functional.interpolate(noise, size=(36, 64), mode="bilinear")
    return image.roll(step, dims=3)


def shot(seed: int, n: int) -> list[Tensor]:
    return [picture(seed, step) for step in range(n)]


def stream(images: list[Tensor]) -> list[AnalysisFrame]:
    return [AnalysisFrame(index=i, pts=i * 10, rgb=image) for i, image in enumerate(images)]


def starts(images: list[Tensor], config: ShotsConfig | None = None) -> list[int]:
    numbers = [number for number, _ in split_shots(stream(images), config)]
    assert len(numbers) == len(images)
    assert sorted(set(numbers)) == list(range(len(set(numbers))))
    assert numbers == sorted(numbers)
    return [numbers.index(number) for number in sorted(set(numbers))]


@pytest.mark.parametrize("detector", ["adaptive", "content"])
@pytest.mark.parametrize("first", [1, 2, 3, 10])
@pytest.mark.parametrize("second", [1, 2, 3, 10])
def test_a_cut_is_found_at_its_exact_frame(detector: str, first: int, second: int) -> None:
    assert starts(shot(1, first) + shot(2, second), ShotsConfig(detector=detector)) == [0, first]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_short_shot_between_two_others(length: int) -> None:
    assert starts(shot(1, 8) + shot(2, length) + shot(3, 8)) == [0, 8, 8 + length]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_a_sequence_without_cuts_is_one_shot(n: int) -> None:
    assert starts(shot(1, n)) == [0][: min(n, 1)]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_not_a_cut(length: int) -> None:
    images = shot(1, 20)
    for i in range(9, 9 + length):
        images[i] = (images[i] * 0.3 + 0.75).clamp(0, 1)
    assert starts(images) == [0]


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("length", [1, 2])
def test_a_blank_frame_is_not_a_cut(level: float, length: int) -> None:
    images = shot(1, 20)
    for i in range(9, 9 + length):
        images[i] = torch.full_like(images[i], level)
    assert starts(images) == [0]


def test_duplicate_frames_are_not_cuts() -> None:
    images = [picture(1, step) for step in range(12) for _ in range(1 + step % 2)]
    assert starts(images) == [0]


def test_fast_pan_is_not_a_cut() -> None:
    assert starts([picture(1, 3 * step) for step in range(20)]) == [0]


@pytest.mark.parametrize("length", [0, 1, 7, 40])
def test_a_fade_through_black_begins_a_shot_when_the_picture_returns(length: int) -> None:
    black = [torch.zeros(1, 3, 36, 64)] * length
    images = [*fade(shot(1, 20), torch.linspace(2, 0, 20)), *black, *fade(shot(2, 20), torch.linspace(0.1, 2, 20))]
    assert starts(images) == [0, 20 + length]


def fade(images: list[Tensor], gains: Tensor) -> list[Tensor]:
    return [image * gain.clamp(0, 1) for image, gain in zip(images, gains, strict=True)]


def test_leading_and_trailing_black_make_no_shot_of_their_own() -> None:
    black = [torch.zeros(1, 3, 36, 64)] * 6
    assert starts(black + shot(1, 10) + black) == [0]


def test_black_alone_is_one_shot() -> None:
    assert starts([torch.zeros(1, 3, 36, 64)] * 9) == [0]


def test_known_cuts_are_added() -> None:
    assert starts(shot(1, 20), ShotsConfig(cuts=[5, 12])) == [0, 5, 12]
    assert starts(shot(1, 8) + shot(2, 8), ShotsConfig(detector="none", cuts=[3])) == [0, 3]


def test_frames_are_kept_in_order_and_few_are_held() -> None:
    config = ShotsConfig()
    pulled = 0

    def source() -> object:
        nonlocal pulled
        for frame in stream(shot(1, 40)):
            pulled += 1
            yield frame

    for given, (_, frame) in enumerate(split_shots(source(), config)):  # type: ignore[arg-type]
        assert (frame.index, frame.pts) == (given, 10 * given)
        assert pulled - given <= count_look_ahead(config) + 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"detector": "magic"}, "detector must be one of"),
        ({"ratio": 0.5}, "ratio must be >= 1"),
        ({"flash_frames": -1}, "flash_frames must be >= 0"),
        ({"cuts": [0]}, "cuts must be frame positions"),
    ],
)
def test_a_bad_setting_says_what_is_expected(bad: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ShotsConfig(**bad)
