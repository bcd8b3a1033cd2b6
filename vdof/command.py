"""The Hydra application: compose, validate, call a task. No algorithm."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from vdof.config import VdofConfig, build, find_conf, register_schemas, suggest_key
from vdof.errors import ConfigError, VdofError
from vdof.tasks import TASKS

log = logging.getLogger("vdof")

PATH_KEYS = (
    "input",
    "output",
    "shot_log",
    "reference",
    "lens.aperture_image",
    "depth.path",
    "focus.face_models",
    "depth.repository",
    "depth.weights",
    "stabilise.flow.weights",
    "cache.dir",
    "export.dir",
    "prompt",
    "dir",
    "match",
    "notebook",
)
MULTIRUN_FLAGS = ("-m", "--multirun")


_written: set[Path] = set()
"""Clips that earlier jobs of a sweep wrote."""
_worst_exit_code = 0
"""Of the jobs of a sweep so far."""


def run_job(tree: DictConfig) -> None:
    """One composed job. In a sweep a job that cannot be done says so, and the next one goes on."""
    global _worst_exit_code
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    try:
        config = build(tree)
        config.given = sorted(name_keys(list(settings.overrides.task)))
        require_own_output(config.output)
        end_job(run_task(config, folder), settings.mode)
    except VdofError as error:
        say(error)
        if settings.mode != RunMode.MULTIRUN:
            raise SystemExit(error.exit_code) from error
        _worst_exit_code = choose_worse(_worst_exit_code, error.exit_code)
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where it is empty: nothing was written
            folder.parent.rmdir()


def end_job(exit_code: int, mode: RunMode | None) -> None:
    """Leave with a task's exit code where it has one; a sweep goes on and leaves with the worst."""
    global _worst_exit_code
    if exit_code and mode != RunMode.MULTIRUN:
        raise SystemExit(exit_code)
    _worst_exit_code = choose_worse(_worst_exit_code, exit_code)


def choose_worse(code: int, other: int) -> int:
    """Of two exit codes: any error before flagged (3), flagged before not judged (4), and that before 0."""
    return max(code, other, key=lambda one: {0: 0, 4: 1, 3: 2}.get(one, 3))


def name_keys(overrides: list[str]) -> set[str]:
    """The keys that the command line sets."""
    return {override.partition("=")[0].lstrip("+~") for override in overrides}


def require_own_output(output: str | None) -> None:
    """A sweep must not write all its jobs to one file. Raises ConfigError."""
    if output is None:
        return
    path = Path(output).absolute()
    if path in _written:
        raise ConfigError(f"output: {output} was written by an earlier job of this sweep; leave output= out of sweeps")
    _written.add(path)


def say(error: BaseException) -> None:
    """The one line of an error."""
    print(f"vdof: {one_line(str(error))}", file=sys.stderr)


def one_line(text: str) -> str:
    return " ".join(text.split())


def explain(error: BaseException) -> str:
    """Hydra's or OmegaConf's error as one line that names the key, what was got and what to do."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    text = "\n".join(str(part) for part in chain)
    key = re.search(r"full_key: (\S+)", text)
    if key and ("not in '" in text or "Could not override" in text) and "could not be converted" not in text:
        return f"{key[1]}: no such key; {suggest_key(key[1])}"
    if isinstance(error, OverrideParseException):
        return one_line(
            f"{error.override}: expected KEY=VALUE, as in input=clip.mp4; quote values with spaces or brackets"
        )
    known = [part for part in chain if isinstance(part, OmegaConfBaseException | HydraException)]
    deepest = next((part for part in reversed(known) if "$VALUE" not in str(part)), error)
    message = re.split(r"\n\s*full_key:", str(deepest))[0]
    message = message.split("Set the environment variable")[0].split("Config search path:")[0]
    return one_line(f"{key[1]}: {message}" if key else message)


def quote_paths(arguments: list[str], is_multirun: bool) -> list[str]:
    """Quote the values of path keys for Hydra's grammar, so that spaces, brackets and equals signs need no care.

    In a multirun a comma separates values, unless a file of exactly that name exists.
    """

    def quote_value(value: str) -> str:
        path = str(Path(value).expanduser()) if value.startswith("~") else value
        return "'" + path.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def quote(argument: str) -> str:
        key, separator, value = argument.partition("=")
        if not separator or key not in PATH_KEYS or value in ("", "null") or value[0] in "'\"$":
            return argument
        is_sweep = is_multirun and "," in value and not Path(value).exists()
        return f"{key}=" + (",".join(map(quote_value, value.split(","))) if is_sweep else quote_value(value))

    return [quote(argument) for argument in arguments]


def run_command() -> None:
    """Compose what the command line says and run it. Raises SystemExit with the exit code where that is not 0."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = quote_paths(sys.argv[1:], any(flag in sys.argv for flag in MULTIRUN_FLAGS))
    try:
        register_schemas()
        hydra.main(version_base="1.3", config_path=str(find_conf()), config_name="config")(run_job)()
    except VdofError as error:
        say(error)
        raise SystemExit(error.exit_code) from error
    except (HydraException, OmegaConfBaseException) as error:
        print(f"vdof: {explain(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"vdof: {place}{error.strerror or error}; free space or choose another folder", file=sys.stderr)
        raise SystemExit(2) from None
    if _worst_exit_code:
        raise SystemExit(_worst_exit_code)


def run_task(config: VdofConfig, run_folder: Path) -> int:
    """Do what `config.task` says; returns the command's exit code. Raises VdofError, which has its own."""
    module, _, function = TASKS[config.task].partition(":")
    task = cast("Callable[[VdofConfig, Path], int | None]", getattr(import_module(module), function))
    return task(config, run_folder) or 0
