"""The Hydra entry: compose, validate, call a task. No algorithm."""

import contextlib
import logging
import os
import re
import signal
import sys
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from vdof.config import build, find_conf, register_schemas, suggest_key
from vdof.errors import VdofError
from vdof.tasks import run_task

log = logging.getLogger("vdof")

PATH_KEYS = (
    "input",
    "output",
    "shot_log",
    "depth.path",
    "depth.repository",
    "depth.weights",
    "stabilise.flow.weights",
    "cache.dir",
    "export.dir",
    "prompt",
    "match",
    "notebook",
)
MULTIRUN_FLAGS = ("-m", "--multirun")


def run_job(tree: DictConfig) -> None:
    """One composed job."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        run_task(build(tree), folder)
    except VdofError as error:
        fail(error)
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where it is empty: nothing was written


def fail(error: VdofError) -> NoReturn:
    """Say the one line and leave with the error's exit code."""
    print(f"vdof: {one_line(str(error))}", file=sys.stderr)
    raise SystemExit(error.exit_code) from error


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

    def quote(argument: str) -> str:
        key, separator, value = argument.partition("=")
        is_ours = separator and key in PATH_KEYS and value not in ("", "null") and value[0] not in "'\"$"
        if not is_ours or (is_multirun and "," in value and not Path(value).exists()):
            return argument
        return f"{key}='" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return [quote(argument) for argument in arguments]


def raise_interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Console script. Exit codes: 0 done, 2 bad input or configuration, 130 interrupted."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, raise_interrupt)
    sys.argv[1:] = quote_paths(sys.argv[1:], any(flag in sys.argv for flag in MULTIRUN_FLAGS))
    try:
        register_schemas()
        app = hydra.main(version_base="1.3", config_path=str(find_conf()), config_name="config")(run_job)
        app()
    except VdofError as error:
        fail(error)
    except (HydraException, OmegaConfBaseException) as error:
        print(f"vdof: {explain(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("vdof: interrupted; nothing partial was left", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
