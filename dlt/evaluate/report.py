"""The evaluation as JSON for `dvc metrics` and as a table to read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlt.evaluate.metrics import METRIC_NAMES, Measure

DECIMALS = 6  # of the numbers in JSON; beyond, machines differ
BASELINE_NAMES = ("layout_accuracy", "element_f1")  # what stands in brief of a baseline

Measures = Mapping[str, Measure]


def assemble(
    test: Measures, val: Measures | None, baselines: Mapping[str, Measures]
) -> dict[str, Any]:
    """The content of metrics/evaluate.json; the baselines' measures are of the test split.

    The test metrics stand at the top, so that `dvc metrics show` has short names such as
    `layout_accuracy`; of val there is `val_layout_accuracy`. `rows` holds every value with its
    count, its interval and, where it is undefined, the reason. What is a list, `dvc metrics` and
    `dvc exp show` leave out, so that a table of experiments fits a terminal.
    """
    columns = {**({"val": val} if val else {}), "test": test, **baselines}
    return {
        **_values(test, METRIC_NAMES),
        **({"val_layout_accuracy": rounded(val["layout_accuracy"].value)} if val else {}),
        "baselines": [
            {"name": name, **_values(m, BASELINE_NAMES)} for name, m in baselines.items()
        ],
        "rows": [
            _row(column, name, measures[name])
            for column, measures in columns.items()
            for name in METRIC_NAMES
        ],
    }


def evaluation_table(
    evaluation: Mapping[str, Any], performance: Mapping[str, Any], readiness: Mapping[str, Any]
) -> str:
    """The evaluation as plain text: a line for each metric, a column for each predictor.

    `evaluation` is what `assemble` returns, `performance` the content of metrics/performance.json
    (its numbers are listed), `readiness` what `dlt.readiness.check_readiness` makes of both: it
    fills the column of requirements and gives the verdict in the last line.
    """
    columns = list(dict.fromkeys(row["column"] for row in evaluation["rows"]))
    others = [name for name in columns if name != "test"]
    required = {c["name"]: f"{c['comparison']} {c['required']:g}" for c in readiness["checks"]}
    cells = {(row["column"], row["metric"]): row for row in evaluation["rows"]}
    lines = [["metric", "test", "95 % interval", "count", "required", *others]]
    for name in METRIC_NAMES:
        test = cells["test", name]
        line = [name, _number(test["value"])]
        line += [_interval(test), str(test["count"]), required.get(name, "")]
        lines.append(line + [_number(cells[other, name]["value"]) for other in others])
    for name, value in performance.items():
        if isinstance(value, int | float):
            spare = [""] * len(others)
            lines.append([name, _number(value), "", "", required.get(name, ""), *spare])
    notes = [
        f"{m}: {cells['test', m]['reason']}" for m in METRIC_NAMES if cells["test", m]["reason"]
    ]
    return "\n".join([aligned(lines), *notes, verdict(readiness)])


def verdict(readiness: Mapping[str, Any]) -> str:
    """One line: whether all production thresholds are met, and if not, which are missed."""
    misses = ", ".join(check["name"] for check in readiness["checks"] if not check["passed"])
    return "Meets production thresholds: " + (f"no, misses: {misses}" if misses else "yes")


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A table as text: a head, a rule, and lines; the first column left, the others right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join(
            cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(pairs)
        ).rstrip()
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([texts[0], rule, *texts[1:]])


def rounded(value: float | None) -> float | None:
    """A number as it stands in JSON."""
    return None if value is None else round(value, DECIMALS)


def _values(measures: Measures, names: Iterable[str]) -> dict[str, float | None]:
    return {name: rounded(measures[name].value) for name in names}


def _row(column: str, name: str, measure: Measure) -> dict[str, Any]:
    return {
        "column": column,
        "metric": name,
        "value": rounded(measure.value),
        "count": measure.count,
        "low": rounded(measure.low),
        "high": rounded(measure.high),
        "reason": measure.reason,
    }


def _number(value: float | None) -> str:
    if value is None:
        return "null"
    return f"{value:.1f}" if value > 1 else f"{value:.3f}"


def _interval(row: Mapping[str, Any]) -> str:
    return "" if row["low"] is None else f"{_number(row['low'])} to {_number(row['high'])}"
