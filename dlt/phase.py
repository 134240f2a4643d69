"""The four phases of a project by its number of examples, and the command that prints them."""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dlt.data.examples import find_places
from dlt.errors import DltError
from dlt.paths import SPLITS, SUMMARY
from dlt.process import run_main


@dataclass(frozen=True, slots=True)
class Phase:
    """What to expect of a dataset's size; accuracy is a published expectation, not our measure."""

    name: str
    below: int | None  # examples, over all splits and before augmentation; None: no limit
    use: str
    layout_accuracy: str
    training_time: str
    cost: str
    gpu: str


PHASES = (
    Phase("phase1", 2_500, "prototype", "75-80 %", "2-4 h", "$20-50 a month", "1x T4"),
    Phase("phase2", 25_000, "first product", "82-87 %", "6-12 h", "$100-200 a month", "1x V100"),
    Phase(
        "phase3",
        100_000,
        "production",
        "88-92 %",
        "1-3 days",
        "$300-500 a month",
        "2-4x A100 40 GB",
    ),
    Phase(
        "phase4", None, "enterprise", "92-96 %", "3-7 days", "$800-1500 a month", "4-8x A100 80 GB"
    ),
)


def phase_for(count: int) -> Phase:
    """The phase of a dataset with `count` examples."""
    return next(phase for phase in PHASES if phase.below is None or count < phase.below)


def phase_of(count: int) -> str:
    """The name of the phase of a dataset with `count` examples: phase1 to phase4."""
    return phase_for(count).name


def describe(count: int) -> str:
    """What a person wants to know about a dataset with `count` examples, one fact a line."""
    phase = phase_for(count)
    return "\n".join(
        [
            f"examples         {count:,}",
            f"phase            {phase.name} ({phase.use})",
            f"layout accuracy  {phase.layout_accuracy} (published expectation, not measured here)",
            f"training time    {phase.training_time} (expected)",
            f"cost             {phase.cost} (expected)",
            f"GPU              {phase.gpu}",
        ]
    )


def main() -> None:
    """Print the phase of a divided dataset or of a folder of examples."""
    parser = argparse.ArgumentParser(prog="python -m dlt.phase", description=main.__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--splits", type=Path, default=SPLITS, metavar="FOLDER")
    source.add_argument("--data", type=Path, metavar="FOLDER", help="count the examples in it")
    parser.add_argument("--output", choices=("text", "phase", "json"), default="text")
    args = parser.parse_args()
    count = _count_folders(args.data) if args.data else _read_count(args.splits)
    if args.output == "text":
        print(describe(count))
    elif args.output == "phase":
        print(phase_of(count))
    else:
        print(json.dumps({"examples": count, **asdict(phase_for(count))}))


def _count_folders(data: Path) -> int:
    count = sum(map(len, find_places(data).values()))
    if not count:
        raise DltError(f"{data}: no examples found")
    return count


def _read_count(splits: Path) -> int:
    path = splits / SUMMARY.name
    if not path.exists():
        raise DltError(f"{path}: not there; run `dvc repro split`, or name a folder with --data")
    return int(json.loads(path.read_text(encoding="utf-8"))["found"])


if __name__ == "__main__":
    run_main("phase", main)
