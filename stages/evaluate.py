"""Evaluate: the trained model and the baselines on the test split, beside the val split."""

from pathlib import Path

from dlt.data.examples import read_examples
from dlt.evaluate.predictions import Source
from dlt.evaluate.stage import Outputs, evaluate
from dlt.params import load_params
from dlt.paths import (
    ERROR_ANALYSIS,
    EVALUATION,
    MODEL,
    PERFORMANCE,
    PLOTS,
    PROCESSED,
    RAW,
    REQUIREMENTS,
    TRAIN_LOG,
    outside,
)
from dlt.process import run_main


def main() -> None:
    """Write the metrics, the pictures, the report and the table."""
    params = load_params()
    start = params.train.init_from
    source = Source(
        model=MODEL,
        test=lambda: read_examples(PROCESSED / "test"),
        train=lambda: read_examples(PROCESSED / "train"),
        val=lambda: read_examples(PROCESSED / "val"),
        log=TRAIN_LOG,
        start=Path(outside(start)) if start else None,
        folders=RAW,
        made_with=params.model_dump(include={"ingest", "split"}),
    )
    outputs = Outputs(EVALUATION, PERFORMANCE, ERROR_ANALYSIS, PLOTS)
    evaluate(source, outputs, REQUIREMENTS, params.evaluate, params.sample)


if __name__ == "__main__":
    run_main("evaluate", main)
