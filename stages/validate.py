"""Validate: check every example; repair or quarantine on request."""

from dlt.files import write_json
from dlt.params import load_params
from dlt.paths import RAW, VALIDATED, VALIDATION
from dlt.process import run_main
from dlt.validate import validate


def main() -> None:
    """Write data/validated and the summary."""
    params = load_params().validate_
    summary = validate(RAW, VALIDATED, fix_errors=params.fix_errors, verbose=params.verbose)
    write_json(VALIDATION, summary)


if __name__ == "__main__":
    run_main("validate", main)
