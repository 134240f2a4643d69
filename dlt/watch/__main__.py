"""`python -m dlt.watch`: the training that runs, in the terminal."""

import argparse
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dlt.errors import DltError
from dlt.evaluate.curves import CHARTS, TABLES, read_curve
from dlt.evaluate.gallery import OVERVIEW, read_gallery
from dlt.paths import PLOTS, TRAIN_LOG
from dlt.process import run_main
from dlt.watch.page import duration, last_metrics
from dlt.watch.progress import FOLDER, Progress, latest_progress, page_path

BARS = "▁▂▃▄▅▆▇█"
LEAST, MOST = 10, 60  # characters of a curve
PERIOD = 2.0  # seconds between frames
GALLERY = PLOTS / "visualizations"


def main() -> None:
    """Show the training that has told its state last; Ctrl-C ends it."""
    parser = argparse.ArgumentParser(prog="python -m dlt.watch", description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="one frame, then end")
    once = parser.parse_args().once
    console = Console()
    if once:
        console.print(frame(latest_progress(FOLDER), console.width))
        return
    with Live(console=console, auto_refresh=False) as screen:
        while True:
            # a table in which a line is being written, a gallery that is being replaced
            with suppress(DltError, OSError):
                screen.update(frame(latest_progress(FOLDER), console.width), refresh=True)
            time.sleep(PERIOD)


def frame(progress: Progress | None, width: int) -> RenderableType:
    """One picture of a training; without one, of the last that this checkout has a log of."""
    log = Path(progress.log) if progress else TRAIN_LOG
    values = last_metrics(log)
    if progress is None and not values:
        return Text("No training has told its state here yet: dvc repro, or dvc exp run")
    head = _head(progress, values) if progress else [Text(f"no training runs; {log} has the last")]
    places = [f"log      {log}"]
    if progress and page_path(progress.experiment).is_file():
        places.append(f"page     {page_path(progress.experiment)}")
    told = *map(Text, places), *_gallery(GALLERY)
    return Group(*head, _curves(log, width), _others(values), *told)


def _head(progress: Progress, values: dict[str, float]) -> list[RenderableType]:
    left = f", {duration(progress.seconds_left)} left" if progress.state == "running" else ""
    speed = values.get("samples_per_second", math.nan)
    return [
        Text(f"{progress.experiment}, {progress.phase}: {progress.state}{left}", style="bold"),
        Align.left(ProgressBar(total=progress.epochs, completed=progress.epoch, width=MOST)),
        Text(
            f"epoch {progress.epoch} of {progress.epochs}, {speed:.1f} samples/s, "
            f"best by {progress.metric}: epoch {progress.best_epoch}"
        ),
    ]


def _curves(log: Path, width: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("curve", "last", "by epoch"):
        table.add_column(name, no_wrap=True)
    names = dict.fromkeys(name for series in CHARTS.values() for name in series.values())
    for name in names:
        points = [value for _, value in read_curve(log / TABLES / f"{name}.tsv")]
        if points:
            room = min(max(width - 32, LEAST), MOST)
            table.add_row(name, f"{points[-1]:.4f}", sparkline(points, room))
    return table


def _gallery(folder: Path) -> list[RenderableType]:
    """The best, median and worst predictions of the last evaluation, each a link to its picture."""
    found = read_gallery(folder)
    if not found:
        return []
    table = Table(box=None, pad_edge=False, show_header=False)
    for kind, pictures in found.items():
        links = (Text(told, style=f"link {path.absolute().as_uri()}") for path, told in pictures)
        table.add_row(kind, Text(", ").join(links))
    return [Text(f"gallery  {folder / OVERVIEW}, of the last evaluation:"), table]


def _others(values: dict[str, float]) -> Text:
    drawn = {name for series in CHARTS.values() for name in series.values()}
    told = [f"{name} {value:.4g}" for name, value in values.items() if name not in drawn]
    return Text(", ".join(told))


def sparkline(values: Sequence[float], width: int) -> str:
    """One character for each value, or for the mean of neighbours where there is no room."""
    size = -(-len(values) // width)
    means = [
        sum(part) / len(part) for i in range(0, len(values), size) if (part := values[i : i + size])
    ]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(BARS[int((value - low) / span * (len(BARS) - 1) + 0.5)] for value in means)


if __name__ == "__main__":
    run_main("watch", main)
