"""Tells about a training at the end of every epoch: its state, its page, TensorBoard, warnings."""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import torch

from dlt.errors import DltError
from dlt.params import TrainOverrides, TrainParams
from dlt.train.run import Run
from dlt.watch.page import write_page
from dlt.watch.progress import (
    Progress,
    experiment_name,
    page_path,
    tensorboard_path,
    write_progress,
)
from dlt.watch.warnings import GpuUse, idle_gpu, stale_loss


class Observer:
    """One for a training, used as a context: `started` once, then `epoch` at the end of each."""

    def __init__(
        self,
        log: Path,
        phase: str,
        params: TrainParams,
        switches: TrainOverrides,
        *,
        speaks: bool = True,
    ) -> None:
        """`speaks` is False on all ranks but the first: nothing is told there."""
        self._speaks = speaks
        self._params, self._phase, self._log = params, phase, log
        self._name = experiment_name()
        self._gpu = (
            GpuUse() if speaks and switches.monitor_system and torch.cuda.is_available() else None
        )
        self._board = _tensorboard(self._name) if speaks and switches.tensorboard else None
        self._epochs, self._ends = params.epochs, [time.time()]
        self._told: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._gpu:
            self._gpu.end()
        if self._board:
            self._board.close()
        if self._told:
            self._tell(self._told.epoch, self._told.best_epoch, "stopped" if kind else "finished")

    def started(self, run: Run, epochs: int) -> None:
        """Training begins or goes on, up to so many epochs; TensorBoard gets its past again."""
        self._epochs, self._ends = epochs, [time.time()]
        if self._speaks:
            print(f"page: {page_path(self._name)} (renews itself); in a terminal: make watch")
            for number, metrics in enumerate(run.history, 1):
                self._write_events(metrics, number)
            self._tell(run.epoch, run.best_epoch, "running")

    def epoch(self, run: Run) -> None:
        """An epoch has ended; the last entry of the run's history has its metrics."""
        if self._speaks:
            self._write_events(run.history[-1], run.epoch)
            self._ends.append(time.time())
            self._tell(run.epoch, run.best_epoch, "running")
            use = self._gpu.mean() if self._gpu else None
            for line in filter(None, (stale_loss(run.history), idle_gpu(use))):
                print(f"warning: {line}", flush=True)

    def _write_events(self, metrics: Mapping[str, float], epoch: int) -> None:
        if self._board:
            for name, value in metrics.items():
                self._board.add_scalar(name, value, epoch)
            self._board.flush()

    def _tell(
        self, epoch: int, best_epoch: int, state: Literal["running", "finished", "stopped"]
    ) -> None:
        # of the last few, for the first epochs may be cheaper: one of them is evaluated
        recent = self._ends[-1 - self._params.eval_every :]
        self._told = Progress(
            experiment=self._name,
            phase=self._phase,
            log=str(self._log.absolute()),
            pid=os.getpid(),
            epoch=epoch,
            epochs=self._epochs,
            seconds_per_epoch=(recent[-1] - recent[0]) / max(len(recent) - 1, 1),
            best_epoch=best_epoch,
            metric=self._params.early_stopping.metric,
            updated=time.time(),
            state=state,
        )
        write_progress(self._told)
        write_page(page_path(self._name), self._told)


def _tensorboard(name: str) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise DltError("train.tensorboard: no such package; pip install tensorboard") from None
    folder = tensorboard_path(name)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run of this name
    return SummaryWriter(str(folder))
