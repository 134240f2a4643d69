"""The state of a training, told in an ignored folder of the main checkout."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from dlt.files import write_json
from dlt.paths import main_checkout

FOLDER = Path(".training")


@dataclass(frozen=True)
class Progress:
    """What is known of a training at the end of an epoch."""

    experiment: str
    phase: str
    log: str  # the DVCLive folder
    pid: int
    epoch: int  # finished
    epochs: int  # at most
    seconds_per_epoch: float  # evaluations included
    best_epoch: int
    metric: str  # that says which is the best
    updated: float  # seconds since 1970
    state: Literal["running", "finished", "stopped"] = "running"

    @property
    def seconds_left(self) -> float:
        """Until the last epoch ends; early stopping may end it sooner."""
        since = time.time() - self.updated if self.state == "running" else 0.0
        return max((self.epochs - self.epoch) * self.seconds_per_epoch - since, 0.0)


def experiment_name() -> str:
    """The name that DVC gave the experiment that this process runs; workspace outside of one."""
    return os.environ.get("DVC_EXP_NAME", "").replace("/", "_") or "workspace"


def state_path(experiment: str) -> Path:
    """Where a training tells its state."""
    return main_checkout() / FOLDER / f"{experiment}.json"


def page_path(experiment: str) -> Path:
    """The page about a training."""
    return state_path(experiment).with_suffix(".html")


def tensorboard_path(experiment: str) -> Path:
    """The folder of a training's TensorBoard events."""
    return main_checkout() / FOLDER / "tensorboard" / experiment


def write_progress(progress: Progress) -> None:
    """Tell the state of a training in place of the one before."""
    write_json(state_path(progress.experiment), asdict(progress))


def latest_progress(folder: Path) -> Progress | None:
    """The state of the training that has told its state last; None where none has.

    A training whose process is gone is told as stopped.
    """
    found = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(found):
        try:
            told = Progress(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError):  # of another version of this file
            continue
        if told.state == "running" and not psutil.pid_exists(told.pid):
            return Progress(**{**asdict(told), "state": "stopped"})
        return told
    return None
