"""A clip decoded and encoded again without a change, and what has to be the same after that."""

from tests.clips import read_facts
from vdof.video import (
    EncodeConfig,
    Writer,
    parse_frame_range,
    probe,
    read_frames,
)

X265 = EncodeConfig(codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=none"})

FAST = EncodeConfig(options={"preset": "ultrafast", "crf": "16"})


def pass_through(source, target, encode=FAST, *, frames=None, size=None, overwrite=False, config=None):
    """Decode and encode without a change; returns the number of frames."""
    span, info, count = parse_frame_range(frames), probe(source, config), 0
    with (
        read_frames(source, config, frames=span, size=size, info=info) as reader,
        Writer(target, info, encode, frames=span, size=size, overwrite=overwrite) as writer,
    ):
        for frame in reader:
            writer.write(frame)
            count += 1
    return count


def assert_same(source, target, *, but=()):
    """All facts of two files agree, times exactly; `but` names facts to leave out."""
    expected, got = read_facts(source), read_facts(target)
    for name in expected.__dataclass_fields__:
        if name not in but:
            assert getattr(got, name) == getattr(expected, name), name
