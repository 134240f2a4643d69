"""CSV files for `dvc plots`: what the report shows as tables, one file each."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlt.evaluate.errors import Error
from dlt.files import new_file, new_folder

COLUMNS = {
    "errors": ("section", "site", "class", "true", "predicted", "node", "selector", "cost"),
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


def write_tables(folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write `<name>.csv` for each of COLUMNS; the folder is replaced as a whole."""
    with new_folder(folder) as aside:
        for name, columns in COLUMNS.items():
            with (aside / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                for row in tables.get(name, ()):
                    writer.writerow([_cell(row[column]) for column in columns])


def write_speed(
    path: Path, steps: Sequence[Mapping[str, Any]], times: Sequence[Mapping[str, float]]
) -> None:
    """Write accuracy beside time, by number of steps; apart from the tables, for it never repeats."""
    with new_file(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("steps", "milliseconds", "layout_accuracy"))
        for row, time in zip(steps, times, strict=True):
            accuracy = _cell(row["layout_accuracy"])
            writer.writerow((time["steps"], time["milliseconds"], accuracy))


def error_rows(errors: Sequence[Sequence[Error]]) -> list[dict[str, Any]]:
    """The rows of errors.csv, one an error."""
    return [
        {
            "section": error.section,
            "site": error.site,
            "class": error.kind,
            "true": error.true or "nothing",
            "predicted": error.predicted or "nothing",
            "node": error.node,
            "selector": error.selector,
            "cost": error.cost,
        }
        for found in errors
        for error in found
    ]


def _cell(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
