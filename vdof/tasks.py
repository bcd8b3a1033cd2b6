"""What `task=` can be: one function each, called with the configuration and the run folder."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from vdof.config import VdofConfig

TASKS = {
    "render": "vdof.pipeline:run",
    "check": "vdof.check.of_clip:run",
    "rank": "vdof.rank_task:run",
    "cache": "vdof.cache:run",
    "shots": "vdof.shots_task:run",
    "prompt": "vdof.prompt_task:run",
    "exchange": "vdof.exchange_task:run",
    "notebook": "vdof.notebook:run",
}
"""Name -> module:function; imported when chosen, so that a small task starts at once."""

WITHOUT_INPUT: frozenset[str] = frozenset({"rank", "cache", "shots", "prompt", "exchange", "notebook"})
"""Tasks that need no clip."""


def run_task(config: "VdofConfig", run_folder: Path) -> int:
    """Do what `config.task` says; returns the command's exit code. Raises VdofError, which has its own."""
    module, _, function = TASKS[config.task].partition(":")
    task = cast("Callable[[VdofConfig, Path], int | None]", getattr(import_module(module), function))
    return task(config, run_folder) or 0
