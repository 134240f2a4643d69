"""A page about a training that renews itself while the training runs."""

import json
import math
import time
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dlt.evaluate.curves import training_charts
from dlt.files import new_file
from dlt.watch.progress import Progress

TEMPLATES = Path(__file__).parent / "templates"
STYLE = Path(__file__).parents[1] / "evaluate" / "templates" / "style.css"
RENEWED = 10  # seconds
METRICS = "metrics.json"  # in a DVCLive folder


def write_page(path: Path, progress: Progress) -> None:
    """Write the page in place of the one before."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    log = Path(progress.log)
    html = environment.get_template("training.html").render(
        progress=progress,
        renewed=RENEWED if progress.state == "running" else None,
        left=duration(progress.seconds_left),
        updated=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(progress.updated)),
        curves=training_charts(log),
        metrics=last_metrics(log),
        style=Markup(STYLE.read_text(encoding="utf-8")),
    )
    with new_file(path) as aside:
        aside.write_text(html, encoding="utf-8")


def last_metrics(log: Path) -> dict[str, float]:
    """The last value of each metric that a DVCLive folder has, by name such as train/loss."""
    try:
        told = json.loads((log / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there yet
        return {}
    return dict(sorted(_flat(told).items()))


def _flat(told: dict[str, Any], above: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in told.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{name}/")
        elif isinstance(value, int | float):
            found[f"{above}{name}"] = value
    return found


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as far as they matter."""
    whole = math.ceil(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
