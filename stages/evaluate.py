"""Evaluate: the trained model and the baselines on the test split, beside the val split."""

from dlt.evaluate.stage import evaluate
from dlt.params import load_params
from dlt.paths import EVALUATION, MODEL, PERFORMANCE, PLOTS, PROCESSED, REQUIREMENTS
from dlt.process import run_main


def main() -> None:
    """Write the metrics, the pictures and the table."""
    params = load_params()
    files = (EVALUATION, PERFORMANCE)
    evaluate(MODEL, PROCESSED, files, PLOTS, REQUIREMENTS, params.evaluate)


if __name__ == "__main__":
    run_main("evaluate", main)
