"""The one place where a task's answer goes to standard output; everything else is logged."""

import sys


def say(text: str) -> None:
    """Print the answer that the user asked for."""
    sys.stdout.write(text.rstrip("\n") + "\n")
