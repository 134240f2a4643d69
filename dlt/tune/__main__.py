"""`python -m dlt.tune`: search the space of params.yaml with DVC's queue."""

import argparse
import json
import time
from collections.abc import Mapping
from typing import Any, get_args

from dlt.params import Params, PhaseName, load_params
from dlt.paths import SUMMARY
from dlt.process import run_main
from dlt.tune.checkout import POLL, only_one_here, positive, prepare_data
from dlt.tune.places import journal_path, report_path
from dlt.tune.queue import DvcQueue
from dlt.tune.report import print_best, write_report
from dlt.tune.study import (
    new_pruner,
    new_sampler,
    open_study,
    space_of,
    start_from,
    this_checkout,
)
from dlt.tune.sweep import sweep


def main() -> None:
    """Run trials until the study has had as many as asked for, then write its page."""
    parser = argparse.ArgumentParser(prog="python -m dlt.tune", description=main.__doc__)
    parser.add_argument("--trials", type=positive, required=True, help="of the study, all told")
    parser.add_argument("--jobs", type=positive, default=1, help="trials at a time, here")
    parser.add_argument(
        "--phase", choices=get_args(PhaseName), help="instead of train.phase of params.yaml"
    )
    args = parser.parse_args()
    params = load_params()
    with only_one_here() as lock:
        prepare_data("split")
        splits = json.loads(SUMMARY.read_text(encoding="utf-8"))
        phase = chosen_phase(params, args.phase, splits)
        _run(params, phase, splits["data_hash"], args.trials, args.jobs, lock)


def _run(params: Params, phase: str, data_hash: str, trials: int, jobs: int, lock: int) -> None:
    tune = params.tune
    name = f"{tune.study}-{phase}"
    journal = journal_path(name, tune.storage)
    space = space_of(tune)
    subject = {"phase": phase, "data": data_hash, "space": tune.model_dump(mode="json")["space"]}
    sampler = new_sampler(tune.startup_trials)
    study = open_study(name, journal, subject, sampler, new_pruner(tune.pruning))
    start_from(study, journal, _defaults(params, phase))
    told = {"study": name, "journal": str(journal), "pruning": tune.pruning.model_dump()}
    queue = DvcQueue({"train.phase": phase}, told, lock)
    owner = this_checkout()
    print(f"{name}: up to {trials} trials, {jobs} at a time, journal {journal}", flush=True)
    sweep(
        study,
        journal,
        space,
        queue,
        owner,
        trials=trials,
        jobs=jobs,
        wait=lambda: time.sleep(POLL),
    )
    write_report(study, report_path(name))
    print_best(study)
    print(f"\npage: {report_path(name)}")


def chosen_phase(params: Params, asked: str | None, splits: Mapping[str, Any]) -> str:
    """The phase that all trials share: asked for, or of params.yaml, or of the data's size."""
    phase = asked or params.train.phase
    return splits["phase"] if phase == "auto" else phase


def _defaults(params: Params, phase: str) -> dict[str, Any]:
    """The present values of what is searched, where the space has them."""
    now = params.resolve(phase).model_dump()
    values = {}
    for name, distribution in space_of(params.tune).items():
        block, key = name.split(".")
        try:
            inside = distribution._contains(distribution.to_internal_repr(now[block][key]))
        except ValueError:  # not among the choices
            continue
        if inside:
            values[name] = now[block][key]
    return values


if __name__ == "__main__":
    run_main("tune", main)
