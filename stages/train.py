"""Train: the layout model on the train split, chosen on the val split."""

from dlt.params import load_params
from dlt.paths import MODEL, PROCESSED, SUMMARY, TRAIN_LOG
from dlt.process import run_main
from dlt.train.distributed import joined, launch
from dlt.train.fit import chosen_phase, fit


def main() -> None:
    """Write models/dlt and the training log, with as many processes as are wanted."""
    params = load_params()
    if launch("stages.train", params.resolve(chosen_phase(SUMMARY, params)).train):
        return
    with joined() as ranks:
        fit(PROCESSED, SUMMARY, MODEL, TRAIN_LOG, params, ranks)


if __name__ == "__main__":
    run_main("train", main)
