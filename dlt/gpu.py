"""One GPU for each worker of DVC's queue: `dvc queue start -j N` assigns none."""

import os
import re
import shutil
import subprocess

import psutil

VISIBLE = "CUDA_VISIBLE_DEVICES"
_NODE = re.compile(r"dvc-exp-[0-9a-f]+-([0-9]+)@")  # the name that DVC gives a queue worker


def choose_gpu() -> None:
    """In a run of DVC's queue, show this process one GPU only: worker n has the nth, in turn.

    Taken from CUDA_VISIBLE_DEVICES if that is set, so a sweep can be kept to some of them.
    """
    worker = queue_worker()
    gpus = _gpus() if worker else []
    if worker and len(gpus) > 1:
        os.environ[VISIBLE] = gpus[(worker - 1) % len(gpus)]


def queue_worker() -> int | None:
    """The number, from 1, of the queue worker that this process descends from."""
    for parent in psutil.Process().parents():
        try:
            line = parent.cmdline()
        except psutil.Error:
            continue
        node = _NODE.match(line[line.index("queue-worker") + 1]) if "queue-worker" in line else None
        if node:
            return int(node[1])
    return None


def _gpus() -> list[str]:
    """The GPUs to choose from, as CUDA_VISIBLE_DEVICES names them."""
    if VISIBLE in os.environ:
        return [gpu for gpu in os.environ[VISIBLE].split(",") if gpu.strip()]
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []
