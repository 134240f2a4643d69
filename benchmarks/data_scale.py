"""What the data costs as it grows: ingest, validate, split, DVC's own part, and the loader.

    python -m benchmarks.data_scale [--sizes 2000,20000] [--scratch FOLDER]

For each size, a clone of this checkout (what is committed) gets that many synthetic sections; the
stages run in it as `dvc repro` runs them, each followed by `dvc commit`, which is what DVC adds:
hashing, moving to its cache, linking. Then batches are read from the shards. Counted are CPU
seconds, so that other work on the machine does not count, and the peak resident set of the largest
process. The table goes to benchmarks/RESULTS.md.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from benchmarks.results import write_section
from dlt.data.batch import collate_inputs, collate_targets, length_batches
from dlt.data.labelled import PackedSections
from dlt.data.shards import ShardIndex
from dlt.params import load_params
from dlt.process import run_main

STAGES = ("ingest", "validate", "split")
PHASES = ("phase1", "phase3")
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
    parser.add_argument("--load", choices=PHASES, help=argparse.SUPPRESS)  # in a process of its own
    args = parser.parse_args()
    if args.load:
        load(Path("data/processed/train"), args.load)
        return
    table = [HEAD]
    for size in map(int, args.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="dlt-scale-", dir=args.scratch) as scratch:
            for cost in measure(Path(scratch) / "clone", size):
                print(cost, flush=True)
                table.append(str(cost))
    command = f"`python -m benchmarks.data_scale --sizes {args.sizes}`"
    write_section("Data as it grows", f"{command}, synthetic sections.\n\n" + "\n".join(table))


def measure(clone: Path, size: int) -> list[Cost]:
    """What each stage, DVC after each, a checkout of all and the loader cost at a size."""
    make_clone(clone, size)
    run(clone, "stages.source")
    costs = []
    for stage in STAGES:
        costs.append(Cost(size, stage, size, *run(clone, f"stages.{stage}")))
        again = run(clone, "dvc", "commit", "-q", "-f", stage)
        costs.append(Cost(size, f"DVC, after {stage}", size, *again))
    subprocess.run(["rm", "-r", "data/raw", "data/processed"], cwd=clone, check=True)
    costs.append(Cost(size, "DVC, checkout", size, *run(clone, "dvc", "checkout", "-q")))
    for phase in PHASES:
        loaded = run(clone, "benchmarks.data_scale", "--load", phase)
        costs.append(Cost(size, f"loader, {phase}", LOADED, *loaded))
    return costs


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


def load(folder: Path, phase: str) -> None:
    """Read LOADED sections in shuffled batches, as one worker of the loader does."""
    index = ShardIndex.read(folder)
    model = load_params().resolve(phase).model
    sections = PackedSections(index, range(len(index)), model)
    rng = np.random.default_rng(0)
    batches = length_batches(sections.nodes.tolist(), sections.rows.tolist(), BATCH, rng)
    for batch in batches[: LOADED // BATCH]:
        encoded = [sections[i].encoded for i in batch]
        collate_inputs(encoded)
        collate_targets(encoded)


if __name__ == "__main__":
    run_main("data_scale", main)
