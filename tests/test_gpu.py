"""The GPU of a queue worker, asserted in the environment of real processes, without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = "import os, stages; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
WORKER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ASK!r}], check=True)"


def seen_by_stage(worker: str, visible: str | None) -> str:
    """What a stage sees below a process that is named as DVC names its workers."""
    env = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    if visible is not None:
        env["CUDA_VISIBLE_DEVICES"] = visible
    command = [sys.executable, "-c", WORKER, *worker.split()]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("node", "visible", "seen"),
    [
        ("dvc-exp-0a1b2c-1@localhost", "4,5,7", "4"),
        ("dvc-exp-0a1b2c-2@localhost", "4,5,7", "5"),
        ("dvc-exp-0a1b2c-4@localhost", "4,5,7", "4"),  # more workers than GPUs: in turn
        ("dvc-exp-0a1b2c-2@localhost", "GPU-aa,GPU-bb", "GPU-bb"),
        ("dvc-exp-0a1b2c-2@localhost", "3", "3"),
        ("dvc-exp-0a1b2c-2@localhost", "", ""),  # none: a run on the CPU stays there
    ],
)
def test_each_worker_sees_one_gpu(node: str, visible: str, seen: str) -> None:
    assert seen_by_stage(f"exp queue-worker {node} --clean", visible) == seen


def test_outside_the_queue_nothing_is_changed() -> None:
    assert seen_by_stage("repro", "4,5") == "4,5"
    assert seen_by_stage("repro", None) == "None"
