"""Train: the layout model on the train split, chosen on the val split."""

from dlt.params import load_params
from dlt.paths import MODEL, PROCESSED, SUMMARY, TRAIN_LOG
from dlt.process import run_main
from dlt.train.fit import fit


def main() -> None:
    """Write models/dlt and the training log."""
    fit(PROCESSED, SUMMARY, MODEL, TRAIN_LOG, load_params())


if __name__ == "__main__":
    run_main("train", main)
