"""The command `vdof`: ready for Ctrl-C before anything heavy is imported."""

import signal
import sys
from typing import NoReturn


def raise_interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Console script. Exit codes: 0 done, 2 bad input or configuration, 130 interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, raise_interrupt)
    try:
        from vdof.command import run_command

        run_command()
    except KeyboardInterrupt:
        print("vdof: interrupted; nothing partial was left", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
