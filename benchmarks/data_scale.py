"""What the data costs as it grows: ingest, validate, split, DVC's own part, and the loader.

    python -m benchmarks.data_scale [--sizes 2000,20000] [--scratch FOLDER]

For each size, a clone of this checkout (what is committed) gets that many synthetic sections; the
stages run in it as `dvc repro` runs them, each followed by `dvc commit`, which is what DVC adds:
hashing, moving to its cache, linking. Then batches are read from the shards. Counted are CPU
seconds, so that other work on the machine does not count, and the peak resident set of the largest
process. The table goes to benchmarks/RESULTS.md.

    python -m benchmarks.data_scale --held 2000,20000,200000

measures without any files of examples what split and the loader hold of each of them: the report's
entries and their division, the index of the shards and the order of an epoch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from benchmarks.results import write_section
from dlt.data.batch import collate_inputs, collate_targets, length_batches
from dlt.data.labelled import PackedSections
from dlt.data.shards import INDEX, ShardIndex, packed_bytes
from dlt.params import load_params
from dlt.process import run_main
from dlt.split import divide, read_items
from dlt.validate import REPORT, write_report

STAGES = ("ingest", "validate", "split")
LOADERS = {"bytes, shuffled": "phase1", "loader, phase1": "phase1", "loader, phase3": "phase3"}
LOADED = 1_280  # sections that the loader is timed on
BATCH = 32
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
    parser.add_argument("--held", help="numbers of sections whose bookkeeping alone is measured")
    parser.add_argument(
        "--load", choices=LOADERS, help=argparse.SUPPRESS
    )  # in a process of its own
    parser.add_argument("--keep", choices=HELD, help=argparse.SUPPRESS)  # the same
    args = parser.parse_args()
    if args.load:
        load(Path("data/processed/train"), args.load)
    elif args.keep:
        HELD[args.keep](args.scratch)
    elif args.held:
        table("Bookkeeping of the data", f"--held {args.held}", args.held, hold, args.scratch)
    else:
        table("Data as it grows", f"--sizes {args.sizes}", args.sizes, measure, args.scratch)


def table(
    title: str,
    options: str,
    sizes: str,
    measured: Callable[[Path, int], Iterable[Cost]],
    scratch: Path | None,
) -> None:
    """Measure each size in a folder of its own, and write the section of the results."""
    rows = []
    for size in map(int, sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="dlt-scale-", dir=scratch) as folder:
            for cost in measured(Path(folder) / "clone", size):
                print(cost, flush=True)
                rows.append(str(cost))
    command = f"`python -m benchmarks.data_scale {options}`, synthetic sections."
    write_section(title, "\n".join([command, "", HEAD, *rows]))


def measure(clone: Path, size: int) -> Iterator[Cost]:
    """What each stage, DVC after each, a checkout of all and the loader cost at a size."""
    make_clone(clone, size)
    run(clone, "stages.source")
    for stage in STAGES:
        yield Cost(size, stage, size, *run(clone, f"stages.{stage}"))
        again = run(clone, "dvc", "commit", "-q", "-f", stage)
        yield Cost(size, f"DVC, after {stage}", size, *again)
    subprocess.run(["rm", "-r", "data/raw", "data/processed"], cwd=clone, check=True)
    back = run(clone, "dvc", "checkout", "-q", "ingest", "split")
    yield Cost(size, "DVC, checkout", size, *back)
    for what in LOADERS:
        loaded = run(clone, "benchmarks.data_scale", "--load", what)
        yield Cost(size, what, LOADED, *loaded)


def make_clone(clone: Path, size: int) -> None:
    """A clone of this checkout with so many sections to ingest."""
    subprocess.run(["git", "clone", "-q", ".", str(clone)], check=True)
    path = clone / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["ingest"]["num_samples"] = size
    path.write_text(yaml.safe_dump(params), encoding="utf-8")


def run(clone: Path, module: str, *options: str) -> tuple[float, float]:
    """CPU seconds of a Python module run there, and its peak resident set in MiB."""
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(command, cwd=clone, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, command)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def load(folder: Path, what: str) -> None:
    """Read LOADED sections in shuffled batches, as one worker of the loader does, or their bytes."""
    index = ShardIndex.read(folder)
    model = load_params().resolve(LOADERS[what]).model
    sections = PackedSections(index, range(len(index)), model)
    rng = np.random.default_rng(0)
    batches = length_batches(sections.nodes.tolist(), sections.rows.tolist(), BATCH, rng)
    for batch in batches[: LOADED // BATCH]:
        if what.startswith("bytes"):
            for i in batch:
                packed_bytes(index[i])
            continue
        encoded = [sections[i].encoded for i in batch]
        collate_inputs(encoded)
        collate_targets(encoded)


def hold(folder: Path, size: int) -> Iterator[Cost]:
    """What split and the loader hold, of a report and an index of so many sections."""
    folder.mkdir()
    lines = [
        {"name": f"te{i // 9:05d}_{i:010x}", "split": "flat", "status": "ok"}
        | {
            "group": f"te{i // 9:05d}",
            "digest": f"{i:032x}",
            "nodes": i % 90 + 1,
            "width": 640,
            "height": i % 900 + 100,
            "faults": [],
            "shard": "shard-000000.tar",
            "start": 0,
            "end": 1,
        }
        for i in range(size)
    ]
    write_report(folder / REPORT, lines)
    (folder / "shard-000000.tar").touch()
    with (folder / INDEX).open("w") as index:
        index.writelines(json.dumps(line) + "\n" for line in lines)
    for what in HELD:
        found = run(Path(), "benchmarks.data_scale", "--scratch", str(folder), "--keep", what)
        yield Cost(size, what, size, *found)


def keep_nothing(folder: Path) -> None:
    """What the other two import."""


def keep_division(folder: Path) -> None:
    """As the split stage does before it packs."""
    divide(read_items(folder / REPORT)[0], load_params().split.ratios, 0)


def keep_order(folder: Path) -> None:
    """As training does before its first step."""
    index = ShardIndex.read(folder)
    sections = PackedSections(index, range(len(index)), load_params().phases.phase3.model)
    nodes, rows = sections.nodes.tolist(), sections.rows.tolist()
    length_batches(nodes, rows, BATCH, np.random.default_rng(0))


HELD = {"imports": keep_nothing, "split": keep_division, "loader": keep_order}


if __name__ == "__main__":
    run_main("data_scale", main)
