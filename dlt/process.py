"""Processes: how a stage starts, fails and ends, and how work is spread over cores."""

import ctypes
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from itertools import islice
from typing import TypeVar

from tqdm import tqdm

from dlt.errors import DltError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_main(name: str, main: Callable[[], int | None]) -> None:
    """Run a stage or a command and exit: faults a user can mend become one line and exit code 1."""
    exit_with_parent()
    keep_freed_memory()
    try:
        code = main() or 0
    except DltError as error:
        print(printable(f"{name}: {error}"), file=sys.stderr)
        code = 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(printable(f"{name}: {where}{error.strerror or error}"), file=sys.stderr)
        code = 1
    except BrokenProcessPool:
        print(f"{name}: a worker process was killed; is there enough memory?", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def printable(text: str) -> str:
    """The same with control characters written out: those of a hostile name a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def keep_freed_memory() -> None:
    """Have glibc keep the memory of large arrays for the next ones; elsewhere do nothing.

    Getting it from the kernel and giving it back at every operation takes a third of the time of a
    training step on a CPU.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


@cache  # one watch is enough
def exit_with_parent() -> None:
    """End this process when its parent ends: a killed `dvc` must not leave its stage running."""
    parent = os.getppid()

    def watch() -> None:
        """Wait for the parent to go, then end at once."""
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], total: int, title: str
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order, computed on all cores, with a progress bar.

    `function` must be importable by name (worker processes are spawned). At most a few hundred
    items are in flight, so memory stays flat for any number of them.
    """
    workers = cores()
    bar = tqdm(total=total, desc=title, unit="", disable=None, leave=False)
    if workers == 1 or total < 32:
        with bar:
            for item in items:
                yield function(item)
                bar.update()
        return
    context = multiprocessing.get_context("spawn")
    with bar, ProcessPoolExecutor(workers, context, exit_with_parent) as pool:
        source = iter(items)
        while batch := list(islice(source, 64 * workers)):
            for result in pool.map(function, batch, chunksize=8):
                yield result
                bar.update()


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
