"""Evaluate any trained model on any folder of examples, without the pipeline.

python -m dlt.evaluate --model models/dlt --data FOLDER --out FOLDER
"""

import argparse
from pathlib import Path

from dlt.data.examples import read_examples
from dlt.evaluate.predictions import Source
from dlt.evaluate.stage import Outputs, evaluate
from dlt.params import load_params
from dlt.paths import REQUIREMENTS
from dlt.process import run_main


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dlt.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    parser.add_argument("--data", type=Path, required=True, help="folder of example folders")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for metrics, pictures and the report"
    )
    parser.add_argument("--train", type=Path, help="folder of examples to fit the baselines on")
    parser.add_argument("--log", type=Path, help="folder of the training log, for the curves")
    given, params = parser.parse_args(), load_params()
    evaluate(
        Source(
            model=given.model,
            test=lambda: read_examples(given.data),
            train=(lambda: read_examples(given.train)) if given.train else None,
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


if __name__ == "__main__":
    run_main("evaluate", main)
