"""Writing: what becomes of the files when a run breaks off or would replace another."""

from dataclasses import replace

import pytest
import torch

from tests.clips import read_facts, write_clip
from tests.video_copies import FAST, pass_through
from vdof.errors import InputError, OutputError, ShapeError
from vdof.video import (
    Writer,
    probe,
    read_frames,
)


def test_interrupted_run_leaves_nothing(tmp_path):
    source = write_clip(tmp_path / "in.mp4", frames=48, audio="aac")

    def write_some():
        with read_frames(source) as reader, Writer(tmp_path / "out.mp4", reader.info, FAST) as writer:
            for frame in reader:
                writer.write(frame)
                if frame.index == 20:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_some()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_interrupted_run_keeps_the_old_output(tmp_path):
    source, target = write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="stop"), Writer(target, probe(source), FAST, overwrite=True):
        raise ValueError("stop")
    assert target.read_bytes() == b"old"


def test_no_frame_written(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match="would hold no frame"), Writer(tmp_path / "out.mp4", probe(source), FAST):
        pass
    assert not (tmp_path / "out.mp4").exists()


def test_existing_output(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists; set overwrite=true"):
        pass_through(source, tmp_path / "out.mp4")
    pass_through(source, tmp_path / "out.mp4", overwrite=True)
    assert len(read_facts(tmp_path / "out.mp4").pts) == 12


def test_a_file_that_another_job_wrote_meanwhile_stays(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    out = tmp_path / "out.mp4"
    writer = Writer(out, probe(source), FAST)
    writer.__enter__()
    for frame in read_frames(source):
        writer.write(frame)
    out.write_bytes(b"theirs")
    with pytest.raises(OutputError, match="was written by another job meanwhile"):
        writer.__exit__(None, None, None)
    assert out.read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_output_over_the_input(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match="is the input itself"):
        pass_through(source, source, overwrite=True)


def test_output_folder_is_made(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    pass_through(source, tmp_path / "a" / "b" / "out.mp4")
    assert (tmp_path / "a" / "b" / "out.mp4").exists()


def test_output_permissions_are_ordinary(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    pass_through(source, tmp_path / "out.mp4")
    (tmp_path / "plain").touch()
    assert (tmp_path / "out.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_unknown_suffix(tmp_path):
    info = probe(write_clip(tmp_path / "in.mp4"))
    with pytest.raises(OutputError, match=r"output must end in .mp4, .m4v, .mov, .mkv, .webm, got 'out.avi'"):
        Writer(tmp_path / "out.avi", info, FAST)


def test_wrong_shape(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    with (
        pytest.raises(ShapeError, match=r"rgb must be \(1, 3, 48, 64\)"),
        read_frames(source) as reader,
        Writer(tmp_path / "out.mp4", reader.info, FAST) as writer,
    ):
        writer.write(replace(next(reader), rgb=torch.zeros(1, 3, 10, 10)))


def test_frames_out_of_order(tmp_path):
    source = write_clip(tmp_path / "in.mp4")

    def write_backwards():
        with read_frames(source) as reader, Writer(tmp_path / "out.mp4", reader.info, FAST) as writer:
            for frame in reversed(list(reader)):
                writer.write(frame)

    with pytest.raises(InputError, match="not after the frame before it"):
        write_backwards()
