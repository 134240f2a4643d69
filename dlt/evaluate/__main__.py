"""Evaluate any trained model on any folder of examples, without the pipeline.

python -m dlt.evaluate --model models/dlt --data FOLDER --out FOLDER
"""

import argparse
from pathlib import Path

from dlt.data.shards import read_folders
from dlt.evaluate.stage import measure
from dlt.params import load_params
from dlt.paths import REQUIREMENTS
from dlt.predict import Predictor
from dlt.process import run_main


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m dlt.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained model")
    parser.add_argument("--data", type=Path, required=True, help="folder of example folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for metrics and pictures")
    arguments = parser.parse_args()
    measure(
        Predictor.load(arguments.model),
        lambda: read_folders(arguments.data),
        (arguments.out / "evaluate.json", arguments.out / "performance.json"),
        arguments.out / "plots",
        REQUIREMENTS,
        load_params().evaluate,
    )


if __name__ == "__main__":
    run_main("evaluate", main)
