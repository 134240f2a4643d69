"""What the data costs as it grows: ingest, validate, split, DVC's own part, and the loader.

    python -m benchmarks.data_scale [--sizes 2000,20000] [--scratch FOLDER] [--small]

For each size, a clone of this checkout (what is committed) gets that many synthetic sections; the
stages run in it as `dvc repro` runs them, each followed by `dvc commit`, which is what DVC adds:
hashing, moving to its cache, linking. Then steps are made ready from what split has written, as training
does; and training itself takes some, so that both are measured side by side.
Counted are CPU seconds, so that other work on the machine does not count, and the peak resident set
of the largest process. The table goes to benchmarks/RESULTS.md.

With `--small`, the sections are copies of one small section with other texts, read from an archive
of shards: a stage's bookkeeping, which is what may grow with the dataset, is then most of its cost.

    python -m benchmarks.data_scale --held 2000,20000,200000

measures without any files of examples what split and the loader hold of each of them: the report's
entries and their division, the index of the shards and the order of an epoch.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from benchmarks.results import write_section
from dlt.process import run_main

# Little is imported here: a child's peak memory counts from what its parent has when it starts.
PARTS = "benchmarks.data_scale_parts"
STAGES = ("ingest", "validate", "split")
LOADED = 1_280  # sections that the loader is timed on
TRAINED = 320  # and training
LOADERS = (
    *("phase1 bytes", "phase1 kept", "phase1", "phase1 worker"),
    *("phase3", "phase3 worker"),
)
TRAININGS = ("phase1 proposal", "phase1 whole")
HELD = ("imports", "division", "order")
HOW = (
    "on one core; other work may have run beside it, so CPU seconds are counted, the start of each"
    " command included (not in loading and training). `DVC, after` a stage is its hashing and linking."
)
HEAD = "| sections | what | CPU s | sections a CPU second | peak MiB |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    sections: int  # in the dataset
    what: str
    counted: int  # sections that went through it
    seconds: float  # of CPU
    memory: float  # MiB

    def __str__(self) -> str:
        rate = self.counted / self.seconds
        return (
            f"| {self.sections:,} | {self.what} | {self.seconds:.1f} | {rate:,.0f} |"
            f" {self.memory:.0f} |"
        )


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", default="2000,20000", help="numbers of sections")
    parser.add_argument("--scratch", type=Path, help="a folder on a disk with room")
    parser.add_argument(
        "--small", action="store_true", help="of numbered copies of a small section"
    )
    parser.add_argument("--held", help="numbers of sections whose bookkeeping alone is measured")
    args = parser.parse_args()
    if args.held:
        table("Bookkeeping of the data", f"--held {args.held}", args.held, hold, args.scratch)
        return
    title, small = (
        ("Small data as it grows", " --small") if args.small else ("Data as it grows", "")
    )
    measured = partial(measure, small=args.small)
    table(title, f"--sizes {args.sizes}{small}", args.sizes, measured, args.scratch)


def table(
    title: str,
    options: str,
    sizes: str,
    measured: Callable[[Path, int], Iterable[Cost]],
    scratch: Path | None,
) -> None:
    """Measure each size in a folder of its own, and write the section of the results after each."""
    command = f"`python -m benchmarks.data_scale {options}` {HOW}"
    rows: list[str] = []
    for size in map(int, sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="dlt-scale-", dir=scratch) as folder:
            for cost in measured(Path(folder) / "clone", size):
                print(cost, flush=True)
                rows.append(str(cost))
        write_section(title, "\n".join([command, "", HEAD, *rows]))


def measure(clone: Path, size: int, small: bool) -> Iterator[Cost]:
    """What each stage, DVC after each, a checkout of all and the loader cost at a size."""
    make_clone(clone, size, small)
    run(clone, "stages.source")
    for stage in STAGES:
        yield Cost(size, stage, size, *run(clone, f"stages.{stage}"))
        again = run(clone, "dvc", "commit", "-q", "-f", stage)
        yield Cost(size, f"DVC, after {stage}", size, *again)
    subprocess.run(["rm", "-r", "data/raw", "data/processed"], cwd=clone, check=True)
    back = run(clone, "dvc", "checkout", "-q", "ingest", "split")
    yield Cost(size, "DVC, checkout", size, *back)
    for what in LOADERS:
        if what != "phase1 kept" or size <= 10_000:  # so many are not kept
            yield timed(clone, size, "load", what, LOADED)
    for what in TRAININGS:
        yield timed(clone, size, "train", what, TRAINED)


def timed(clone: Path, size: int, part: str, what: str, counted: int) -> Cost:
    """What a part costs that tells its own seconds."""
    told = clone / "seconds"
    _, memory = run(clone, PARTS, part, str(told), what)
    return Cost(size, f"{part}, {what}", counted, float(told.read_text()), memory)


def make_clone(clone: Path, size: int, small: bool) -> None:
    """A clone of this checkout with so many sections to ingest."""
    subprocess.run(["git", "clone", "-q", ".", str(clone)], check=True)
    path = clone / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["ingest"]["num_samples"] = size
    if small:
        run(clone, PARTS, "small", "small", str(size))
        params["ingest"] |= {"source": "archive", "archive": {"path": "small", "sha256": None}}
    path.write_text(yaml.safe_dump(params), encoding="utf-8")


def hold(folder: Path, size: int) -> Iterator[Cost]:
    """What split and the loader hold, of a report and an index of so many sections."""
    run(Path(), PARTS, "report", str(folder), str(size))
    for what in HELD:
        yield Cost(size, what, size, *run(Path(), PARTS, what, str(folder)))


def run(clone: Path, module: str, *options: str) -> tuple[float, float]:
    """CPU seconds of a Python module run there, and its peak resident set in MiB."""
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(command, cwd=clone, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, command)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    run_main("data_scale", main)
