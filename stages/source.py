"""Source: notice whether the data outside the repository has changed, without reading it."""

from dlt.files import write_json
from dlt.ingest import source_fingerprint
from dlt.params import load_params
from dlt.paths import SOURCE
from dlt.process import run_main


def main() -> None:
    """Write the fingerprint of the source."""
    params = load_params()
    write_json(SOURCE, {"fingerprint": source_fingerprint(params.ingest)})


if __name__ == "__main__":
    run_main("source", main)
