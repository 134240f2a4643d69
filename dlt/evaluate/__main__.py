"""Evaluate any trained model on any folder of examples, without the pipeline.

python -m dlt.evaluate --model models/dlt --data FOLDER --out FOLDER
"""

import argparse
from pathlib import Path

from dlt.data.examples import find_places, read_examples
from dlt.errors import DltError
from dlt.evaluate.predictions import Examples, Source
from dlt.evaluate.stage import Outputs, evaluate
from dlt.params import load_params
from dlt.paths import REQUIREMENTS
from dlt.process import run_main


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dlt.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    parser.add_argument("--data", type=Path, required=True, help="folder of examples, or of shards")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for metrics, pictures and the report"
    )
    parser.add_argument("--train", type=Path, help="folder of examples to fit the baselines on")
    parser.add_argument("--log", type=Path, help="folder of the training log, for the curves")
    given, params = parser.parse_args(), load_params()
    evaluate(
        Source(
            model=given.model,
            test=_examples("--data", given.data),
            train=_examples("--train", given.train) if given.train else None,
            log=given.log,
            folders=given.data,
        ),
        Outputs(
            evaluation=given.out / "evaluate.json",
            performance=given.out / "performance.json",
            error_analysis=given.out / "error_analysis.json",
            plots=given.out / "plots",
        ),
        REQUIREMENTS,
        params.evaluate,
        params.sample,
    )


def _examples(option: str, folder: Path) -> Examples:
    if not find_places(folder):
        raise DltError(f"{option} {folder}: no examples, neither folders nor tar shards of them")
    return lambda: read_examples(folder)


if __name__ == "__main__":
    run_main("evaluate", main)
