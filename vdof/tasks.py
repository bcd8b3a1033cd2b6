"""What `task=` can be: one function each, called with the configuration and the run folder."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from vdof.config import VdofConfig

TASKS = {
    "render": "vdof.pipeline:run",
    "cache": "vdof.cache:run",
    "shots": "vdof.shots_task:run",
    "prompt": "vdof.prompt_task:run",
    "exchange": "vdof.exchange_task:run",
    "notebook": "vdof.notebook:run",
}
"""Name -> module:function; imported when chosen, so that a small task starts at once."""

WITHOUT_INPUT: frozenset[str] = frozenset({"cache", "shots", "prompt", "exchange", "notebook"})
"""Tasks that need no clip."""


def run_task(config: "VdofConfig", run_folder: Path) -> None:
    """Do what `config.task` says. Raises VdofError; its exit code is the command's."""
    module, _, function = TASKS[config.task].partition(":")
    task = cast("Callable[[VdofConfig, Path], None]", getattr(import_module(module), function))
    task(config, run_folder)
