"""The loop: settle what has ended, propose as many as may run, wait.

It keeps nothing in memory that the journal and the runner do not hold, so it may be killed anywhere
and started again.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from dlt.errors import DltError
from dlt.tune.pruning import PRUNED
from dlt.tune.study import Space, own_trials, propose

ATTEMPTS = "attempts"  # how often a trial was handed to the runner
MOST_ATTEMPTS = 3
REASON = "reason"  # why a trial failed


@dataclass(frozen=True)
class Outcome:
    """What the runner knows of one experiment.

    States: absent (the runner has not got it, or lost it), open (waits or runs), done, failed.
    """

    state: Literal["absent", "open", "done", "failed"]
    value: float | None = None
    reason: str = ""
    metrics: Mapping[str, Any] | None = None


class Runner(Protocol):
    """What runs experiments by name: DVC's queue, or a function in a test."""

    def submit(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        """Hand over an experiment."""

    def outcomes(self, names: Collection[str]) -> Mapping[str, Outcome]:
        """The outcome of each of these names, after dealing with those that got lost."""

    def tidy(self, name: str) -> None:
        """The run has ended; called before its result is told, so perhaps more than once."""

    def serve(self, jobs: int) -> None:
        """See to it that so many workers are there."""


def experiment_name(study: optuna.Study, number: int) -> str:
    """The name of a trial's experiment."""
    return f"{study.study_name}-{number:04d}"


def sweep(
    study: optuna.Study,
    journal: Path,
    space: Space,
    runner: Runner,
    owner: str,
    *,
    trials: int,
    jobs: int,
    wait: Callable[[], None],
) -> None:
    """Run until the study has had `trials` trials and none of this owner is open."""
    while True:
        still_open = settle_all(study, runner, owner)
        while still_open < jobs and (trial := propose(study, journal, space, owner, trials)):
            submit(study, runner, trial)
            still_open += 1
        if not still_open:
            return
        runner.serve(jobs)
        wait()


def settle_all(study: optuna.Study, runner: Runner, owner: str) -> int:
    """Tell the study what has ended, run again what was lost; returns how many are open."""
    running = own_trials(study, owner)
    names = {trial.number: experiment_name(study, trial.number) for trial in running}
    outcomes = runner.outcomes(names.values()) if names else {}
    still_open = 0
    for trial in running:
        outcome = outcomes[names[trial.number]]
        attempts = trial.user_attrs.get(ATTEMPTS, 0)
        if outcome.state == "absent" and attempts >= MOST_ATTEMPTS:
            outcome = Outcome("failed", reason=f"lost by the queue {MOST_ATTEMPTS} times")
        if outcome.state == "absent" or not attempts:
            submit(study, runner, trial)
        if outcome.state in ("absent", "open"):
            still_open += 1
        else:
            runner.tidy(names[trial.number])
            settle(study, trial, outcome)
    return still_open


def submit(study: optuna.Study, runner: Runner, trial: FrozenTrial) -> None:
    """Hand a trial to the runner, counting how often.

    Raises:
        DltError: there is an experiment of its name already, so its result would be taken for ours.
    """
    name = experiment_name(study, trial.number)
    attempts = trial.user_attrs.get(ATTEMPTS, 0) + 1
    if attempts == 1 and runner.outcomes([name])[name].state != "absent":
        raise DltError(
            f"{name}: an experiment of this name is here from another study; remove it with "
            f"`dvc exp remove {name}`, or give tune.study in params.yaml another name"
        )
    Trial(study, trial._trial_id).set_user_attr(ATTEMPTS, attempts)
    runner.submit(trial.number, name, trial.params)


def settle(study: optuna.Study, trial: FrozenTrial, outcome: Outcome) -> None:
    """Tell the study how a trial ended: complete, pruned or failed."""
    reason = outcome.reason or _divergence(outcome)
    if outcome.state == "failed" or reason:
        Trial(study, trial._trial_id).set_user_attr(REASON, reason or "failed")
        study.tell(trial.number, state=TrialState.FAIL)
    elif PRUNED in trial.user_attrs:
        study.tell(trial.number, state=TrialState.PRUNED)
    else:
        study.tell(trial.number, outcome.value)
    print(
        f"{experiment_name(study, trial.number)}: {_ending(study, trial.number, reason)}",
        flush=True,
    )


def _divergence(outcome: Outcome) -> str:
    """Why a finished run has no result; empty if it has one."""
    if outcome.value is None:
        return "no val accuracy"
    numbers = {"value": outcome.value, **(outcome.metrics or {})}
    for name, number in numbers.items():
        if isinstance(number, float) and not math.isfinite(number):
            return f"diverged: {name} is {number}"
    return ""


def _ending(study: optuna.Study, number: int, reason: str) -> str:
    trial = study.get_trials(deepcopy=False)[number]
    if trial.state == TrialState.FAIL:
        return f"failed: {reason}"
    value = math.nan if trial.value is None else trial.value
    return f"{trial.state.name.lower()} {value:.4f}"
