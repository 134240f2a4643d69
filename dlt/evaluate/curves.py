"""The curves of a training, from the tables that DVCLive has written."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlt.errors import DltError
from dlt.evaluate.charts import Points, line_chart

TABLES = Path("plots") / "metrics"  # in a DVCLive folder
CHARTS: Mapping[str, Mapping[str, str]] = {
    "Loss": {"train": "train/loss", "val": "val/loss"},
    "Layout accuracy on val": {"val": "val/layout_accuracy"},
    "Role loss": {"train": "train/role_loss", "val": "val/role_loss"},
    "Box loss": {"train": "train/box_loss", "val": "val/box_loss"},
}
"""Title → series → table, without `.tsv`."""


def training_charts(log: Path) -> list[dict[str, Any]]:
    """A chart for each of CHARTS that the log has a table for: its title, series, SVG and end."""
    charts = []
    for title, tables in CHARTS.items():
        series = {
            name: points
            for name, table in tables.items()
            if (points := read_curve(log / TABLES / f"{table}.tsv"))
        }
        if series:
            last = {name: points[-1][1] for name, points in series.items()}
            said = ", ".join(f"{name} ends at {value:.3f}" for name, value in last.items())
            svg = line_chart(series, "epoch", f"{title} by epoch: {said}")
            charts.append({"title": title, "series": list(series), "svg": svg, "last": said})
    return charts


def read_curve(path: Path) -> Points:
    """The (step, value) points of one table; none where there is no such file.

    Values that are not finite, as of a training that diverged, are left out.

    Raises:
        DltError: a line that has no two numbers; the message names the file.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    try:
        points = [(float(step), float(value)) for step, value in rows[1:]]
    except ValueError:
        raise DltError(f"{path}: a step and a value expected in each line") from None
    return [point for point in points if math.isfinite(point[1])]
