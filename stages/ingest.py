"""Ingest: examples from the chosen source into data/raw."""

from dlt.ingest import ingest
from dlt.params import load_params
from dlt.paths import RAW
from dlt.process import run_main


def main() -> None:
    """Write data/raw."""
    params = load_params()
    ingest(RAW, params.ingest, params.seed)


if __name__ == "__main__":
    run_main("ingest", main)
