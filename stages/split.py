"""Split: divide the examples by site and pack them for training."""

from dlt.params import load_params
from dlt.paths import PROCESSED, RAW, SPLITS, VALIDATED
from dlt.process import run_main
from dlt.split import split


def main() -> None:
    """Write data/splits and data/processed."""
    split(RAW, VALIDATED, SPLITS, PROCESSED, params=load_params())


if __name__ == "__main__":
    run_main("split", main)
