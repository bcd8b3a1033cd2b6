"""`check.json`: a `CheckResult` on disk. NaN is null there."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vdof.check.verdict import Breathing, CheckResult, Diagnostic, Span
from vdof.errors import InputError
from vdof.files import write_text


def write_result(path: Path, result: CheckResult) -> None:
    """Write it whole or not at all; `verdict` and `exit_code` are written too, for whoever reads it without vdof."""
    plain = {"verdict": result.verdict, "exit_code": result.exit_code, **asdict(result)}
    for entry, breathing in zip(plain["breathing"], result.breathing, strict=True):
        entry["flagged"] = breathing.flagged
        entry["frames"] = breathing.frames
    write_text(path, json.dumps(without_nan(plain), indent=1) + "\n")


def read_result(path: Path) -> CheckResult:
    """The result that a file holds. Raises InputError where it holds none."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if not plain["breathing"]:
            raise ValueError("it holds no measurement")
        return CheckResult(
            plain["input"],
            [read_breathing(entry) for entry in plain["breathing"]],
            [read_diagnostic(entry) for entry in plain["diagnostics"]],
            {name: to_float(value) for name, value in plain.get("figures", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a check.json that vdof wrote ({error}); check the clip again") from error


def read_breathing(entry: dict[str, Any]) -> Breathing:
    known = {key: entry[key] for key in Breathing.__dataclass_fields__ if key in entry}
    known["score"] = to_float(known["score"])
    known["spans"] = [Span(**span) for span in known.get("spans", [])]
    known["curves"] = {name: [to_float(value) for value in curve] for name, curve in known.get("curves", {}).items()}
    known["bands"] = {name: to_float(value) for name, value in known.get("bands", {}).items()}
    known["shot_scores"] = [to_float(value) for value in known.get("shot_scores", [])]
    return Breathing(**known)


def read_diagnostic(entry: dict[str, Any]) -> Diagnostic:
    box = entry.get("box")
    return Diagnostic(**{**entry, "score": to_float(entry["score"]), "box": None if box is None else tuple(box)})


def to_float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def without_nan(value: Any) -> Any:
    """The same, with None for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
