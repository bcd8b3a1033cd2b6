"""The one place where a task's answer goes to standard output; everything else is logged."""

import os
import sys


def say(text: str) -> None:
    """Print the answer that the user asked for; a reader that stops reading, as `head` does, ends the task quietly."""
    try:
        sys.stdout.write(text.rstrip("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
