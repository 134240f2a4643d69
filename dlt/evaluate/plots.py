"""Plots of an evaluation: rows for DVC's confusion templates, and two pictures."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dlt.evaluate.metrics import Pair
from dlt.files import new_file
from dlt.section.roles import NODE_ROLES

MAX_ROWS = 20_000  # DVC counts one row per node in the browser
HEADLINES = (
    "layout_accuracy",
    "element_precision",
    "element_f1",
    "node_accuracy",
    "visual_similarity",
)

_INK, _GREY, _BOUND = "#1f2937", "#8d96a5", "#b91c1c"
_BASELINE_COLOURS = ("#f5f6f8", "#eceff2", "#dfe3e8", "#c3c8d0", "#8d96a5", "#6b7280")
_VAL_COLOUR, _TEST_COLOUR = "#7fb0e2", "#1d5fae"


def write_confusion_rows(path: Path, pairs: Sequence[Pair]) -> None:
    """Write a CSV file with the columns `actual` and `predicted`, one row for each DOM node.

    Of more than MAX_ROWS nodes, evenly spaced ones are written.
    """
    rows = [
        labels
        for pair in pairs
        for labels in zip(pair.truth.roles, pair.predicted.roles, strict=True)
    ]
    step = -(-len(rows) // MAX_ROWS) or 1
    with new_file(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("actual", "predicted"))
        writer.writerows(rows[::step])


def draw_confusion(path: Path, counts: NDArray[np.int64]) -> None:
    """Draw the matrix of `confusion_counts` as a PNG: per cent of each true label's nodes."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    figure = Figure(figsize=(9.4, 9.2), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(NODE_ROLES))
    axes.set_xticks(ticks, NODE_ROLES, rotation=60, ha="right", rotation_mode="anchor")
    names = [f"{role} ({n})" for role, n in zip(NODE_ROLES, totals[:, 0], strict=True)]
    axes.set_yticks(ticks, names)
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        colour = "white" if share > 0.55 else _INK
        axes.text(column, row, f"{share:.0%}"[:-1], ha="center", va="center", color=colour, size=8)
    axes.set_xlabel("predicted node label")
    axes.set_ylabel("true node label (number of nodes)")
    axes.set_title("Node labels, per cent of each true label", loc="left")
    axes.set_xticks(np.arange(-0.5, len(NODE_ROLES)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(NODE_ROLES)), minor=True)
    axes.grid(which="minor", color="#e5e7eb", linewidth=0.5)
    axes.tick_params(which="both", length=0)
    _save(figure, path)


def draw_headlines(path: Path, evaluation: Mapping[str, Any], bounds: Mapping[str, float]) -> None:
    """Draw the headline metrics of model and baselines as a PNG bar chart.

    `evaluation` is what `report.assemble` returns; `bounds` are the values that a metric must be
    above. Whiskers are the 95 % intervals.
    """
    cells = {(row["column"], row["metric"]): row for row in evaluation["rows"]}
    titles = {row["name"]: row["name"].replace("_", " ") for row in evaluation["baselines"]}
    colours = dict(zip(titles, _BASELINE_COLOURS[-len(titles) :] if titles else (), strict=True))
    titles |= {"val": "model, val"} if "val_layout_accuracy" in evaluation else {}
    titles["test"] = "model, test"
    colours |= {"val": _VAL_COLOUR, "test": _TEST_COLOUR}
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(titles)
    for i, (column, title) in enumerate(titles.items()):
        places = [n - 0.4 + (i + 0.5) * width for n in range(len(HEADLINES))]
        rows = [cells[column, name] for name in HEADLINES]
        _draw_bars(axes, places, rows, width, title, colours[column])
    bounded = [i for i, name in enumerate(HEADLINES) if name in bounds]
    if bounded:
        starts, ends = [i - 0.45 for i in bounded], [i + 0.45 for i in bounded]
        heights = [bounds[HEADLINES[i]] for i in bounded]
        axes.hlines(heights, starts, ends, _BOUND, linestyles="--", label="required")
    axes.set_xticks(range(len(HEADLINES)), [name.replace("_", " ") for name in HEADLINES])
    axes.set_ylim(0, 1.08)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=6, frameon=False)
    _save(figure, path)


def _draw_bars(
    axes: Axes,
    places: Sequence[float],
    rows: Sequence[Mapping[str, Any]],
    width: float,
    title: str,
    colour: str,
) -> None:
    """Bars of one predictor with values on top; an undefined value has no bar."""
    axes.bar(places, [row["value"] or 0 for row in rows], width * 0.92, color=colour, label=title)
    for x, row in zip(places, rows, strict=True):
        top = row["value"]
        if top is None:
            axes.text(x, 0.01, "null", ha="center", color=_GREY, size=8)
            continue
        if row["low"] is not None:
            axes.vlines(x, row["low"], row["high"], _INK, linewidth=1)
            top = row["high"]
        axes.text(x, top + 0.01, f"{row['value']:.2f}", ha="center", color=_INK, size=8)


def _save(figure: Figure, path: Path) -> None:
    with new_file(path) as aside:
        # without the version of matplotlib in it, the same plot is the same bytes
        figure.savefig(aside, format="png", dpi=100, metadata={"Software": None})
