"""CSV files for `dvc plots`: what the report shows as tables, one file each."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlt.evaluate.errors import Error
from dlt.files import new_file, new_folder

COLUMNS = {
    "roles": ("role", "true", "predicted", "precision", "recall", "f1"),
    "site": ("name", "sections", "layout_accuracy", "low", "high", "element_f1"),
    "kind": ("name", "sections", "layout_accuracy", "low", "high", "element_f1"),
    "nodes": ("name", "sections", "layout_accuracy", "low", "high", "element_f1"),
    "depth": ("name", "sections", "layout_accuracy", "low", "high", "element_f1"),
    "calibration": ("split", "confidence", "right", "count"),
    "conditioning": (
        "name",
        "sections",
        "node_accuracy",
        "same_nodes",
        "layout_accuracy",
        "box_iou",
    ),
    "benchmark": ("name", "layout_accuracy", "low", "high", "element_f1"),
    "steps": ("steps", "layout_accuracy", "low", "high", "element_f1"),
    "robustness": ("name", "layout_accuracy", "low", "high", "element_f1"),
    "ablations": ("name", "layout_accuracy", "low", "high", "element_f1"),
}
"""File stem → columns; a file without rows has its header only."""
SPEED_COLUMNS = ("steps", "milliseconds", "layout_accuracy")
ERROR_COLUMNS = ("section", "site", "class", "true", "predicted", "node", "selector", "cost")


def write_tables(folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write `<name>.csv` for each of COLUMNS; the folder is replaced as a whole."""
    with new_folder(folder) as aside:
        for name, columns in COLUMNS.items():
            _write(aside / f"{name}.csv", columns, tables.get(name, ()))


def write_errors(path: Path, errors: Sequence[Sequence[Error]]) -> None:
    """Write a row for each error; apart from the tables, for it is too long for git."""
    with new_file(path) as aside:
        _write(aside, ERROR_COLUMNS, [_error_row(error) for found in errors for error in found])


def write_speed(
    path: Path, steps: Sequence[Mapping[str, Any]], times: Sequence[Mapping[str, float]]
) -> None:
    """Write accuracy beside time, by number of steps; apart from the tables, for it never repeats."""
    rows = [
        {**time, "layout_accuracy": row["layout_accuracy"]}
        for row, time in zip(steps, times, strict=True)
    ]
    with new_file(path) as aside:
        _write(aside, SPEED_COLUMNS, rows)


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row[column]) for column in columns])


def _error_row(error: Error) -> dict[str, Any]:
    return {
        "section": error.section,
        "site": error.site,
        "class": error.kind,
        "true": error.true or "nothing",
        "predicted": error.predicted or "nothing",
        "node": error.node,
        "selector": error.selector,
        "cost": error.cost,
    }


def _cell(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
