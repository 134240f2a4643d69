"""What a training should be told of, one line each."""

import math
import threading
from collections.abc import Mapping, Sequence

import torch
from dvclive import monitor_system

STALE = 5  # evaluations without a lower val loss
BUSY = 70  # per cent of the time that a GPU should have work
SECOND = 1.0  # between two looks at the GPU


def stale_loss(history: Sequence[Mapping[str, float]]) -> str | None:
    """A line at the very evaluation at which the val loss has not fallen for STALE of them."""
    losses = [metrics["val/loss"] for metrics in history if "val/loss" in metrics]
    if not history or "val/loss" not in history[-1]:
        return None
    lowest = min(
        range(len(losses)), key=lambda i: losses[i] if math.isfinite(losses[i]) else math.inf
    )
    if len(losses) - 1 - lowest != STALE:
        return None
    return f"val loss has stopped falling: {losses[lowest]:.4f} was {STALE} evaluations ago"


def spare_missing_gpu() -> None:
    """Without a GPU, have DVCLive ask for none: else it fails, and logs neither CPU nor memory."""
    if not torch.cuda.is_available():
        monitor_system.GPU_AVAILABLE = False


class GpuUse:
    """Samples once a second how much of the time the first GPU of this process has work."""

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._ended = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        # DVCLive's own figure is the ratio of two loads: memory controller over GPU
        while not self._ended.wait(SECOND):
            self._samples.append(float(torch.cuda.utilization()))

    def mean(self) -> float | None:
        """Per cent since the last call; None without a sample."""
        samples, self._samples = self._samples, []
        return sum(samples) / len(samples) if samples else None

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()


def idle_gpu(use: float | None) -> str | None:
    """A line where the GPU has had too little to do."""
    if use is None or use >= BUSY:
        return None
    return f"GPU use is {use:.0f} %, under {BUSY}: a larger train.batch_size may use it better"
