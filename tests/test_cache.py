"""What the cache keeps, for whom, and how it is cleared."""

import errno
import logging
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from vdof.analysis.cache import CacheConfig, find_cache, list_entries, trim
from vdof.analysis.lease import Lease, take_over
from vdof.analysis.store import AnalysisWriter, load
from vdof.errors import ConfigError
from vdof.tasks.cache import describe_age, describe_size, run

KEYS = [letter * 32 for letter in "abcd"]


def fill(cache, key, age_s=0, clip="clip.mp4"):
    """A small analysis that was used `age_s` ago; nobody uses it any more."""
    with AnalysisWriter(cache / key, "disparity_relative", {"estimator": "test"}, clip) as writer:
        for index in range(3, 6):
            writer.write(index, index, 0, torch.rand(1, 1, 32, 48))
        writer.finish()
    os.utime(cache / key / "lock", (time.time() - age_s,) * 2)


def run_task(cache, caplog, **values):
    caplog.set_level(logging.INFO)
    caplog.clear()
    run(SimpleNamespace(cache=CacheConfig(dir=str(cache), **values)), cache)
    return [record.getMessage() for record in caplog.records]


def names(cache):
    return {path.name for path in cache.iterdir()}


def test_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_cache(CacheConfig(), tmp_path / "a.mp4") == tmp_path / "vdof"
    assert find_cache(CacheConfig(dir="/x"), tmp_path / "a.mp4").as_posix() == "/x"
    assert find_cache(CacheConfig(enabled=False), tmp_path / "a.mp4") == tmp_path / ".a.analysis"


def test_listing_names_clip_frames_size_and_age(tmp_path, caplog):
    fill(tmp_path, KEYS[0], age_s=2 * 3600, clip="old one.mp4")
    fill(tmp_path, KEYS[1])
    (tmp_path / "notes.txt").write_text("not ours")
    head, newest, oldest = run_task(tmp_path, caplog)
    assert "2 analyses" in head
    assert "cache.max_gb=10" in head
    assert "clip.mp4  frames 3-5, test" in newest
    assert "used    2 h ago  old one.mp4" in oldest
    assert run_task(tmp_path / "nowhere", caplog)[0].endswith("0 analyses, 0.0 kB (cache.max_gb=10)")


def test_least_recently_used_goes_first_and_use_counts(tmp_path):
    for key, age_s in zip(KEYS, (400, 300, 200, 100), strict=True):
        fill(tmp_path, key, age_s)
    size = sum(entry.size_bytes for entry in list_entries(tmp_path))
    assert load(tmp_path / KEYS[0]) is not None
    trim(tmp_path, 0.8 * size / 1e9)
    assert names(tmp_path) == {KEYS[0], KEYS[2], KEYS[3]}
    trim(tmp_path, None)
    assert len(names(tmp_path)) == 3


def test_what_is_used_stays(tmp_path, caplog):
    for key in KEYS[:2]:
        fill(tmp_path, key)
    analysis = load(tmp_path / KEYS[0])
    trim(tmp_path, 0)
    assert names(tmp_path) == {KEYS[0]}
    assert len(list(analysis.disparities())) == 3
    assert run_task(tmp_path, caplog, clear=True)[0].endswith("removed 0 of 1 analyses, 0.0 kB")
    analysis.lease.release()
    run_task(tmp_path, caplog, clear=True)
    assert names(tmp_path) == set()


def test_clear_leaves_other_peoples_files(tmp_path, caplog):
    fill(tmp_path, KEYS[0])
    (tmp_path / "film").mkdir()
    run_task(tmp_path, caplog, clear=True)
    assert names(tmp_path) == {"film"}


KILLED = """
import os, sys, torch
from pathlib import Path
from vdof.analysis.store import AnalysisWriter
with AnalysisWriter(Path(sys.argv[1]), "disparity_relative", {}) as writer:
    writer.write(0, 0, 0, torch.zeros(1, 1, 32, 48))
    os._exit(9)
"""


def test_what_a_killed_run_left_is_swept(tmp_path, caplog):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / KEYS[0])], check=False)
    (part,) = tmp_path.iterdir()
    assert "not whole" in run_task(tmp_path, caplog)[1]
    trim(tmp_path, None)
    assert part.exists()  # it might just have begun
    os.utime(part / "lock", (time.time() - 3600,) * 2)
    trim(tmp_path, None)
    assert not part.exists()


def test_what_is_being_written_is_not_swept(tmp_path, caplog):
    with AnalysisWriter(tmp_path / KEYS[0], "disparity_relative", {}) as writer:
        writer.write(0, 0, 0, torch.zeros(1, 1, 32, 48))
        run_task(tmp_path, caplog, clear=True)
        writer.finish()
    assert load(tmp_path / KEYS[0]) is not None


@pytest.mark.parametrize("file", ["analysis.json", "disparity.mkv", "lock"])
def test_an_entry_that_lost_a_file_is_not_loaded_and_can_be_cleared(tmp_path, caplog, file):
    fill(tmp_path, KEYS[0])
    (tmp_path / KEYS[0] / file).unlink()
    assert load(tmp_path / KEYS[0]) is None
    run_task(tmp_path, caplog, clear=True)
    assert names(tmp_path) == set()


def test_leases_are_shared_and_end(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    one, two = Lease(path), Lease(path)
    one.release()
    one.release()
    with take_over(path) as is_free:
        assert not is_free
    del two
    with take_over(path) as is_free:
        assert is_free


def test_without_locks_age_decides(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", refuse)
    fill(tmp_path, KEYS[0])
    fill(tmp_path, KEYS[1], age_s=25 * 3600)
    trim(tmp_path, 0)
    assert names(tmp_path) == {KEYS[0]}
    assert load(tmp_path / KEYS[0]) is not None


def test_sizes_and_ages_read_well():
    assert [describe_size(size) for size in (999, 2_500_000, 7_100_000_000)] == ["1.0 kB", "2.5 MB", "7.1 GB"]
    assert [describe_age(age) for age in (-1, 59, 61, 7201, 200_000)] == ["0 s", "59 s", "1 min", "2 h", "2 d"]


def test_a_negative_limit_is_refused():
    with pytest.raises(ConfigError, match="cache.max_gb: got -1"):
        CacheConfig(max_gb=-1)
