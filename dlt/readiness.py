"""Is a model good enough to be used: measured values against production requirements."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlt.blocks import read_yaml
from dlt.errors import DltError
from dlt.evaluate.metrics import METRIC_NAMES
from dlt.evaluate.report import aligned, verdict

PERFORMANCE_NAMES = ("seconds_per_sample", "seconds_per_sample_p95", "memory_gb")
COMPARISONS = {"above": ">", "below": "<"}


@dataclass(frozen=True)
class Requirement:
    """A metric's name, `>` or `<`, and the bound that it must be above or below."""

    name: str
    comparison: str
    bound: float


def check_readiness(
    evaluation: Mapping[str, Any], performance: Mapping[str, Any], requirements: Path
) -> dict[str, Any]:
    """Compare what was measured with what is required: the content of metrics/readiness.json.

    `evaluation` and `performance` are the contents of metrics/evaluate.json (its test metrics count)
    and metrics/performance.json. A value that is null or absent does not pass, with the reason.

    Raises:
        DltError: the requirements cannot be read; the message names file and field.
    """
    measured = {**performance, **evaluation}
    reasons = {r["metric"]: r["reason"] for r in evaluation["rows"] if r["column"] == "test"}
    checks = [
        _check(requirement, measured.get(requirement.name), reasons.get(requirement.name))
        for requirement in read_requirements(requirements)
    ]
    return {"ready": all(check["passed"] for check in checks), "checks": checks}


def readiness_table(readiness: Mapping[str, Any]) -> str:
    """The result of `check_readiness` as plain text, with the verdict as the last line."""
    lines = [["requirement", "required", "measured", "passed"]]
    for check in readiness["checks"]:
        required = f"{check['comparison']} {check['required']:g}"
        measured = "null" if check["measured"] is None else f"{check['measured']:.3f}"
        lines.append([check["name"], required, measured, "yes" if check["passed"] else "no"])
    notes = [
        f"{check['name']}: {check['reason']}" for check in readiness["checks"] if check["reason"]
    ]
    return "\n".join([aligned(lines), *notes, verdict(readiness)])


def read_requirements(path: Path) -> list[Requirement]:
    """Read a requirements file: metric names and numbers under `above` and `below`.

    Raises:
        DltError: not readable, no requirement, an unknown metric or a bound that is not a number.
    """
    blocks = _mapping(read_yaml(path), str(path))
    found = []
    for side, block in blocks.items():
        if side not in COMPARISONS:
            raise DltError(f"{path}: {side}: unknown, one of {', '.join(COMPARISONS)} expected")
        for name, value in _mapping(block, f"{path}: {side}").items():
            field = f"{path}: {side}.{name}"
            if name not in METRIC_NAMES and name not in PERFORMANCE_NAMES:
                raise DltError(f"{field}: unknown metric")
            found.append(Requirement(name, COMPARISONS[side], _bound(value, field)))
    if not found:
        raise DltError(f"{path}: no requirements")
    return found


def _check(requirement: Requirement, measured: Any, reason: str | None) -> dict[str, Any]:
    usable = _is_number(measured) and math.isfinite(measured)
    above = usable and measured > requirement.bound
    below = usable and measured < requirement.bound
    return {
        "name": requirement.name,
        "comparison": requirement.comparison,
        "required": requirement.bound,
        "measured": measured if usable else None,
        "passed": above if requirement.comparison == ">" else below,
        "reason": None if usable else reason or "not measured",
    }


def _mapping(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DltError(f"{field}: names and values expected")
    return value


def _bound(value: Any, field: str) -> float:
    # YAML 1.2 writes 0.000001 as 1e-06, which PyYAML reads as a string
    try:
        bound = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        bound = math.nan
    if not math.isfinite(bound):
        raise DltError(f"{field}: a number expected, found {value!r}")
    return bound


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
