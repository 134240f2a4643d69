"""Source: notice whether what lies outside the repository has changed, without reading the data."""

from pathlib import Path

from dlt.files import write_json
from dlt.ingest import source_fingerprint
from dlt.params import load_params
from dlt.paths import INIT, SOURCE, outside
from dlt.process import run_main


def main() -> None:
    """Write the fingerprints of the source of examples and of what training starts from."""
    params = load_params()
    write_json(SOURCE, {"fingerprint": source_fingerprint(params.ingest)})
    start = _start_digest(params.train.init_from), _checkpoint_digest(params.train.resume_from)
    write_json(INIT, {"sha256": start[0], "resume_from": start[1]})


def _start_digest(start: str | None) -> str:
    if start is None:
        return ""
    from dlt.train.model_file import model_digest  # torch takes seconds, and every repro is here

    return model_digest(Path(outside(start)))


def _checkpoint_digest(path: str | None) -> str:
    if path is None:
        return ""
    from dlt.train.checkpoint import checkpoint_digest

    return checkpoint_digest(Path(outside(path)))


if __name__ == "__main__":
    run_main("source", main)
