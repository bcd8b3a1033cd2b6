import pytest
import torch

from vdof.analysis.store import AnalysisWriter, load, make_key
from vdof.errors import InputError, OutputError


def fill(folder, count=4, shots=(0, 0, 1, 1)):
    with AnalysisWriter(folder, "disparity_relative", {"estimator": "test"}) as writer:
        for index in range(count):
            disparity = torch.linspace(-1, 2 + index, 32 * 48).reshape(1, 1, 32, 48)
            writer.write(index + 10, index * 512, shots[index], disparity)
        return writer.finish()


def test_reads_back_within_half_a_code(tmp_path):
    fill(tmp_path / "key")
    analysis = load(tmp_path / "key")
    assert [len(shot) for shot in analysis.shots] == [2, 2]
    for number, (record, disparity) in enumerate(analysis.disparities()):
        expected = torch.linspace(-1, 2 + number, 32 * 48).reshape(1, 1, 32, 48)
        assert (record.index, record.pts) == (10 + number, 512 * number)
        assert (disparity - expected).abs().max() <= 0.51 * (3 + number) / 65535 + 1e-6


def test_a_constant_map_is_kept(tmp_path):
    with AnalysisWriter(tmp_path / "key", "disparity_relative", {}) as writer:
        writer.write(0, 0, 0, torch.full((1, 1, 32, 48), 3.25))
        analysis = writer.finish()
    assert next(analysis.disparities())[1].unique() == pytest.approx(3.25)


def break_off(folder):
    with AnalysisWriter(folder, "disparity_relative", {}) as writer:
        writer.write(0, 0, 0, torch.zeros(1, 1, 32, 48))
        raise RuntimeError("stop")


def test_nothing_is_left_when_it_breaks_off(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        break_off(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


def test_damage_is_noticed_and_replaced(tmp_path, caplog):
    folder = tmp_path / "key"
    fill(folder)
    video = folder / "disparity.mkv"
    video.write_bytes(video.read_bytes()[:-100])
    assert load(folder) is None
    assert "damaged" in caplog.text
    fill(folder)
    assert load(folder) is not None


def test_no_frame_is_an_error(tmp_path):
    with (
        AnalysisWriter(tmp_path / "key", "disparity_relative", {}) as writer,
        pytest.raises(InputError, match="is empty"),
    ):
        writer.finish()


def test_key_depends_on_every_part():
    keys = {make_key(a=1, b=2), make_key(a=1, b=3), make_key(a=2, b=2)}
    assert len(keys) == 3
    assert make_key(a=1, b=2) in keys


def test_two_writers_of_one_key_agree(tmp_path):
    folder = tmp_path / "key"
    with AnalysisWriter(folder, "disparity_relative", {}) as slow:
        slow.write(0, 0, 0, torch.zeros(1, 1, 32, 48))
        first = fill(folder)
        second = slow.finish()
    assert len(second.records) == len(first.records)
    assert next(first.disparities())[0].index == 10
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_damaged_one_gives_way_to_the_writer(tmp_path):
    folder = tmp_path / "key"
    fill(folder)
    (folder / "analysis.json").write_text("{")
    with AnalysisWriter(folder, "disparity_relative", {}) as writer:
        writer.write(0, 0, 0, torch.zeros(1, 1, 32, 48))
        writer.finish()
    assert len(load(folder).records) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_field_of_view_is_the_median(tmp_path):
    with AnalysisWriter(tmp_path / "key", "disparity_metric", {}) as writer:
        for index, angle in enumerate((50.0, 60.0, None, 54.0)):
            writer.write(index, index, 0, torch.zeros(1, 1, 32, 48), angle)
        writer.finish()
    assert load(tmp_path / "key").fov_deg == 54
    assert fill(tmp_path / "other").fov_deg is None


def test_unwritable_cache_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cache.dir"):
        AnalysisWriter(tmp_path / "file" / "key", "disparity_relative", {})
