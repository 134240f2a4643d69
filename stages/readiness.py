"""Readiness: the measured figures against production_requirements.yaml."""

import argparse
import json

from dlt.files import write_json
from dlt.params import load_params
from dlt.paths import EVALUATION, PERFORMANCE, READINESS, REQUIREMENTS
from dlt.process import run_main
from dlt.readiness import check_readiness, readiness_table


def main() -> int:
    """Write the verdict; with --strict, exit 1 where the model is not ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="exit 1 when not ready")
    strict = parser.parse_args().strict
    load_params()
    evaluation, performance = (json.loads(p.read_text()) for p in (EVALUATION, PERFORMANCE))
    readiness = check_readiness(evaluation, performance, REQUIREMENTS)
    write_json(READINESS, readiness)
    print(readiness_table(readiness))
    return 1 if strict and not readiness["ready"] else 0


if __name__ == "__main__":
    run_main("readiness", main)
