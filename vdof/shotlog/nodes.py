"""YAML nodes with their place in the file: every error names file and line."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vdof.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A file being read."""

    path: Path

    def compose(self) -> yaml.Node | None:
        """The file as a tree of nodes. Raises InputError: missing, or not YAML."""
        try:
            return yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            raise InputError(f"shot_log: cannot read {self.path}: {error.strerror}") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{self.path}:{line}: not YAML: {error.problem}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path}:1: not YAML: {str(error).splitlines()[0]}") from error

    def refuse(self, node: yaml.Node | None, what: str) -> InputError:
        """The error to raise about `node`."""
        return InputError(f"{self.path}:{find_line(node)}: {what}")

    def read_mapping(self, node: yaml.Node | None, known: Collection[str], what: str = "") -> dict[str, yaml.Node]:
        """Key -> node; every key must be known, and there once."""
        if not isinstance(node, yaml.MappingNode):
            raise self.refuse(node, f"{what}expected keys ({', '.join(sorted(known))})")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}"
                raise self.refuse(key, f"{what}unknown key {name!r}; {hint}")
            if name in found:
                raise self.refuse(key, f"{what}{name!r} stands here twice; keep one")
            found[name] = value
        return found

    def read_items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """The nodes of a list."""
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.refuse(node, f"{what}, got {describe(node)}")
        return list(node.value)

    def read_number(self, node: yaml.Node, key: str, low: float, high: float, unit: str) -> float:
        """A number within low..high, `low` excluded where it is 0."""
        value = to_plain(node)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high or (low == 0 and value == 0):
            least = "above 0" if low == 0 else f"{low:g} or more"
            most = f", at most {high:g}" if high < 1e5 else ""
            raise self.refuse(node, f"{key}: got {value!r}, expected {unit} {least}{most}")
        return float(value) if isinstance(value, float) else value

    def read_text(self, node: yaml.Node, key: str) -> str:
        """Words; nothing is no words."""
        value = to_plain(node)
        if not isinstance(node, yaml.ScalarNode):
            raise self.refuse(node, f"{key}: got {describe(node)}, expected words")
        return "" if value is None else str(node.value)


def find_line(node: yaml.Node | None) -> int:
    """Line number, from 1."""
    return node.start_mark.line + 1 if node else 1


def describe(node: yaml.Node | None) -> str:
    """What a node is, for messages."""
    if node is None:
        return "nothing"
    return (
        repr(to_plain(node))
        if isinstance(node, yaml.ScalarNode)
        else "a list"
        if isinstance(node, yaml.SequenceNode)
        else "keys"
    )


def to_plain(node: yaml.Node) -> Any:
    """A node as plain values."""
    if isinstance(node, yaml.ScalarNode):
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError):
            return node.value
    if isinstance(node, yaml.SequenceNode):
        return [to_plain(item) for item in node.value]
    return {str(key.value): to_plain(value) for key, value in node.value}
