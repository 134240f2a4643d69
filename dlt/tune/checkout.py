"""What a command needs that has DVC's queue work for it: the checkout to itself, and data ready."""

import argparse
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dlt.errors import DltError
from dlt.tune.places import TUNE

LOCK = "dvc.lock"
POLL = 3.0  # seconds between looks at the queue
PATIENCE = 60.0  # seconds for the last command of a killed sweep to end


def prepare_data(stage: str) -> None:
    """Bring the data up to date once, up to a stage, so that no experiment has to.

    Raises:
        DltError: the stage fails, or git does not know dvc.lock.
    """
    done = subprocess.run([sys.executable, "-m", "dvc", "repro", stage], check=False)
    if done.returncode:
        raise DltError(f"dvc repro {stage} failed: the data must be ready first")
    known = subprocess.run(
        ["git", "ls-files", "--error-unmatch", LOCK], capture_output=True, check=False
    )
    if known.returncode:
        raise DltError(f"{LOCK}: queued runs see what git tracks, so first: git add {LOCK}")


@contextmanager
def only_one_here() -> Iterator[int]:
    """Hold the checkout's lock; yields its file descriptor.

    Raises:
        DltError: another sweep, or another run of folds, goes on in this checkout.
    """
    TUNE.mkdir(exist_ok=True)
    descriptor = os.open(TUNE / "lock", os.O_CREAT | os.O_RDWR)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _lock(descriptor):
            if time.monotonic() > deadline:
                raise DltError(f"{TUNE / 'lock'}: another sweep runs in this checkout")
            time.sleep(1)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def positive(text: str) -> int:
    """A number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
