"""Speed, memory and where they were measured: what does not repeat exactly."""

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from dlt.errors import DltError
from dlt.predict import Predictor
from dlt.section.example import Example

TIMED = 50  # sections that the speed is measured on
_WARM_UP = 3


def measure_performance(
    predictor: Predictor, examples: Iterable[tuple[Example, bytes]]
) -> dict[str, Any]:
    """Seconds a sample at batch 1, screenshot decoding included; peak memory; where it ran.

    `run`, the place, is a list so that it is no column of `dvc exp show`.

    Raises:
        DltError: there are no examples.
    """
    seconds = []
    for (example, screenshot), _ in zip(examples, range(TIMED + _WARM_UP), strict=False):
        started = time.perf_counter()
        predictor.predict(example.structure, screenshot, name=example.name)
        seconds.append(time.perf_counter() - started)
    if not seconds:
        raise DltError("no examples to evaluate on")
    timed = seconds[_WARM_UP:] or seconds
    return {
        "seconds_per_sample": round(float(np.median(timed)), 4),
        "seconds_per_sample_p95": round(float(np.percentile(timed, 95)), 4),
        "memory_gb": round(_peak_memory() / 2**30, 3),
        "run": [
            {"hardware": _hardware(), "torch": torch.__version__, "revision": _revision()},
        ],
    }


def _peak_memory() -> float:
    """Bytes, on the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _hardware() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    memory = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {torch.get_num_threads()} threads, {memory:.0f} GiB"


def _processor() -> str:
    """The CPU's name where Linux tells it, else its kind."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else f"{platform.machine()} CPU"


def _revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
