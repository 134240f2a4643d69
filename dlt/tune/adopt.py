"""`python -m dlt.tune.adopt`: make a trial's parameters the default of its phase in params.yaml."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from ruamel.yaml import YAML

from dlt.errors import DltError
from dlt.files import new_file
from dlt.params import PARAMS, Params, Phases, load_params
from dlt.process import run_main
from dlt.tune.report import find_study, ranked
from dlt.tune.study import SUBJECT
from dlt.tune.sweep import experiment_name


def main() -> None:
    """Write the winner's parameters into its phase's block of params.yaml."""
    parser = argparse.ArgumentParser(prog="python -m dlt.tune.adopt", description=main.__doc__)
    parser.add_argument("study", nargs="?", help="its name, such as tune-phase1; default: the only")
    parser.add_argument("--trial", type=int, metavar="N", help="another trial than the best")
    args = parser.parse_args()
    study = find_study(args.study)
    trial = choose(study, args.trial)
    phase = study.user_attrs[SUBJECT]["phase"]
    adopt(PARAMS, phase, trial.params)
    print(f"{PARAMS}: phases.{phase} has the values of {experiment_name(study, trial.number)}")


def choose(study: optuna.Study, number: int | None) -> FrozenTrial:
    """The best complete trial, or the one of this number.

    Raises:
        DltError: there is no such complete trial.
    """
    complete = ranked(study)
    chosen = [t for t in complete if number in (None, t.number)]
    if not chosen:
        raise DltError(
            f"{study.study_name}: no complete trial{'' if number is None else f' {number}'}"
        )
    return chosen[0]


def adopt(path: Path, phase: str, values: Mapping[str, Any]) -> None:
    """Set values such as train.lr in a phase's block, with all comments kept.

    Phases that inherit from this one keep what they had, in blocks of their own. Overrides of the
    same names in `model:` and `train:` become null, for they would hide the new values.
    """
    before = load_params(path)
    raw = _YAML.load(path.read_text(encoding="utf-8"))
    for name, value in values.items():
        block, key = name.split(".")
        raw["phases"][phase][block][key] = value
        raw[block][key] = None
    with new_file(path) as aside:
        _YAML.dump(raw, aside)
        for other, block, key in _changed(before, load_params(aside), phase, values):
            raw["phases"][other][block][key] = getattr(_block(before, other, block), key)
        _YAML.dump(raw, aside)
        load_params(aside)


def _round_trip() -> YAML:
    """A reader and writer that keeps what it does not change; DVC's own rewrites null and lists."""
    handler = YAML()
    handler.width = 4096
    handler.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar(_NULL, "null")
    )
    return handler


_NULL = "tag:yaml.org,2002:null"
_YAML = _round_trip()


def _changed(
    before: Params, after: Params, phase: str, values: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """The values of other phases that changed along, as (phase, block, key)."""
    places = [(other, *name.split(".")) for other in Phases.model_fields for name in values]
    return [
        (other, block, key)
        for other, block, key in places
        if other != phase
        and getattr(_block(before, other, block), key) != getattr(_block(after, other, block), key)
    ]


def _block(params: Params, phase: str, block: str) -> Any:
    return getattr(params.phase(phase), block)


if __name__ == "__main__":
    run_main("tune", main)
