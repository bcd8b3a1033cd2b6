"""Kernels are compiled again when something that they hold changes."""

import subprocess
import sys

KERNEL = """
from shop.room.limits import LIMIT
from vdof.compiled import compiled

@compiled
def limit():
    return LIMIT
"""


def test_a_kernel_follows_constants_of_other_files(tmp_path):
    room = tmp_path / "shop" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").touch()
    (room / "kernel.py").write_text(KERNEL)

    def run(limit: int) -> tuple[str, int]:
        (room / "limits.py").write_text(f"LIMIT = {limit}")
        code = "from shop.room.kernel import limit; print(limit(), sum(limit.stats.cache_hits.values()))"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        value, hits = done.stdout.split()
        return value, int(hits)

    assert run(3) == ("3", 0)
    assert run(3) == ("3", 1)
    assert run(44) == ("44", 0)
    assert len(list((room.parent / "__pycache__").glob("room-*"))) == 1
