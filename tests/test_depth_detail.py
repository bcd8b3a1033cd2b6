"""Two looks at a frame made one."""

import pytest
import torch
from torch import Tensor

from vdof.depth import EmbeddedConfig, open_estimator
from vdof.depth.detail import take_detail
from vdof.depth.embedded import EmbeddedEstimator, working_size
from vdof.errors import ConfigError
from vdof.filters import average

HEIGHT, WIDTH = 120, 200


def draw_disc(inside: float, outside: float, soften: int = 0) -> Tensor:
    """A disc (1,1,120,200) about the middle, radius 40 px, its edge a ramp of about twice `soften` px."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    disc = ((y - 60) ** 2 + (x - 100) ** 2 < 40**2).float()[None, None]
    disc = average(disc, soften) if soften else disc
    return outside + (inside - outside) * disc


def test_edges_come_from_the_large_look_and_levels_from_the_small_one() -> None:
    small = torch.nn.functional.avg_pool2d(draw_disc(3, 1, soften=8), 2)
    tilt = torch.linspace(0, 4, WIDTH).expand(1, 1, HEIGHT, WIDTH)
    both = take_detail(small, draw_disc(7, -5) + tilt)
    assert both.shape == (1, 1, HEIGHT, WIDTH)
    row = both[0, 0, 60]
    assert row[150:].mean() == pytest.approx(1, abs=0.2)
    assert row[85:115].mean() == pytest.approx(3, abs=0.2)
    soft = torch.nn.functional.interpolate(small, size=(HEIGHT, WIDTH), mode="bilinear")[0, 0, 60]
    assert (soft[139:142].max() - soft[139:142].min()) < 0.4
    assert row[139] - row[141] > 1.4


def test_scale_and_shift_of_the_large_look_do_not_matter() -> None:
    small, detail = draw_disc(3, 1, soften=8), draw_disc(7, -5)
    torch.testing.assert_close(take_detail(small, detail), take_detail(small, 0.01 * detail + 30), atol=1e-3, rtol=0)


def test_a_large_look_that_shows_nothing_leaves_levels() -> None:
    both = take_detail(draw_disc(3, 1, soften=8), torch.full((1, 1, HEIGHT, WIDTH), 2.0))
    assert torch.isfinite(both).all()
    assert 1 <= both.min() <= both.max() <= 3


def test_each_frame_of_a_batch_is_filtered_for_itself() -> None:
    small, detail = draw_disc(3, 1, soften=8), draw_disc(7, -5)
    both = take_detail(torch.cat([small, 5 * small]), torch.cat([detail, detail.flip(3)]))
    torch.testing.assert_close(both[:1], take_detail(small, detail))
    torch.testing.assert_close(both[1:], take_detail(5 * small, detail.flip(3)))


def test_the_estimator_looks_twice() -> None:
    rgb = torch.rand(1, 3, 90, 160, generator=torch.Generator().manual_seed(0))
    once, twice = (EmbeddedEstimator(torch.device("cpu"), 160, detail) for detail in (1, 1.4))
    assert once.describe() != twice.describe()
    assert once(rgb).shape[-2:] == working_size(90, 160, 160)
    assert twice(rgb).shape[-2:] == working_size(90, 160, 160 * 1.4)
    larger = EmbeddedEstimator(torch.device("cpu"), 224)(rgb)
    assert (twice(rgb) - larger).std() > 0.1 * larger.std()
    torch.testing.assert_close(twice(rgb), take_detail(once(rgb), larger), atol=0.05 * float(larger.std()), rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (7, 901), (61, 47)])
def test_any_frame_size_gives_finite_disparity(size: tuple[int, int]) -> None:
    disparity = EmbeddedEstimator(torch.device("cpu"), 96, 1.5)(torch.rand(1, 3, *size))
    assert disparity.shape == (1, 1, *working_size(*size, 144))
    assert torch.isfinite(disparity).all()


def test_two_looks_are_the_default_and_can_be_turned_off() -> None:
    assert open_estimator(EmbeddedConfig(), torch.device("cpu")).describe()["detail"] > 1
    assert open_estimator(EmbeddedConfig(detail=1), torch.device("cpu")).describe()["detail"] == 1
    for wrong in (0.9, 2.1, float("nan")):
        with pytest.raises(ConfigError, match=r"depth\.detail"):
            EmbeddedConfig(detail=wrong)
