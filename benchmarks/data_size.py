"""Accuracy against the number of training sections, of the experiments of a data-size study.

    python -m benchmarks.data_size [--name size] [--out benchmarks/data_size.png]

Reads `dvc.api.exp_show`: the experiments whose names begin with NAME (docs/sweeps.md queues them).
Prints the table and draws the curve: the mean over seeds, and the range.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import dvc.api
import matplotlib
from matplotlib import pyplot as plt

from dlt.errors import DltError
from dlt.files import new_file
from dlt.process import run_main

SIZE = "data.max_examples"
CURVES = {"val": "val.best_layout_accuracy", "test": "layout_accuracy"}
Points = dict[int, list[float]]


def main() -> None:
    """Print the table and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--name", default="size", help="what the experiments' names begin with")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/data_size.png"))
    args = parser.parse_args()
    curves = read_curves(dvc.api.exp_show(), args.name)
    if not any(curves.values()):
        raise DltError(f"no finished experiments named {args.name}… of this commit: dvc exp show")
    for title, points in curves.items():
        for size, values in sorted(points.items()):
            spread = f"{min(values):.3f} to {max(values):.3f}"
            print(f"{title:<5} {size:>7,} sections  {mean(values):.3f}  ({spread}, {len(values)})")
    draw(curves, args.out)
    print(args.out)


def read_curves(rows: Iterable[Mapping[str, Any]], name: str) -> dict[str, Points]:
    """The accuracies by number of sections, on val and on test."""
    curves: dict[str, Points] = {title: defaultdict(list) for title in CURVES}
    for row in rows:
        if not (row["Experiment"] or "").startswith(name) or row.get(SIZE) is None:
            continue
        for title, metric in CURVES.items():
            if row.get(metric) is not None:
                curves[title][int(row[SIZE])].append(float(row[metric]))
    return curves


def draw(curves: Mapping[str, Points], path: Path) -> None:
    """Write the curves over a logarithmic axis."""
    matplotlib.use("Agg")
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for title, points in curves.items():
        sizes = sorted(points)
        axes.plot(sizes, [mean(points[size]) for size in sizes], marker="o", label=title)
        lows, highs = ([kind(points[size]) for size in sizes] for kind in (min, max))
        axes.fill_between(sizes, lows, highs, alpha=0.2)
    axes.set(xscale="log", xlabel="training sections", ylabel="layout accuracy")
    sizes = sorted({size for points in curves.values() for size in points})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.legend()
    with new_file(path) as aside:
        figure.savefig(aside, format="png", dpi=120, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    run_main("data_size", main)
