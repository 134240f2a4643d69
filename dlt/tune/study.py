"""A study on disk: its journal, its sampler, and trials that survive a kill at any moment.

A trial belongs to the checkout that its attribute `owner` names; that is written last when one is
proposed. Whoever holds the study's lock and finds a running trial without an owner knows that its
proposer was killed half-way, and takes it over. So no trial is lost, and none is made twice.
"""

import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from dlt.errors import DltError
from dlt.params import Choices, Pruning, Span, Tune

OWNER = "owner"
SUBJECT = "subject"
Space = Mapping[str, BaseDistribution]
Subject = Mapping[str, Any]

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=ExperimentalWarning)


def space_of(tune: Tune) -> dict[str, BaseDistribution]:
    """The search space as Optuna's distributions, by parameter name."""
    return {name: _distribution(span) for name, span in tune.space.items()}


def _distribution(span: Span | Choices) -> BaseDistribution:
    if isinstance(span, Choices):
        return CategoricalDistribution(span.choices)
    if isinstance(span.low, int) and isinstance(span.high, int):
        return IntDistribution(span.low, span.high, log=span.log, step=int(span.step or 1))
    return FloatDistribution(span.low, span.high, log=span.log, step=span.step)


def new_sampler(startup_trials: int, seed: int | None = None) -> TPESampler:
    """Multivariate TPE (Bergstra et al. 2011; Falkner et al. 2018).

    Running trials count as bad ones (`constant_liar`), so that parallel jobs do not all try the
    same place. Without a seed, for several processes with the same would propose the same.
    """
    return TPESampler(
        n_startup_trials=startup_trials, multivariate=True, constant_liar=True, seed=seed
    )


def new_pruner(pruning: Pruning) -> MedianPruner:
    """Stops a trial whose best value is below the median of the others' at the same epoch."""
    return MedianPruner(pruning.startup_trials, n_warmup_steps=pruning.warmup_epochs)


def open_storage(journal: Path) -> JournalStorage:
    """The journal, created if it is not there.

    An append that a kill or a full disk cut short leaves a last line without an end, which would
    spoil the next one: it is taken off.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalFileOpenLock(str(journal))
    lock.acquire()
    try:
        _drop_torn_line(journal)
    finally:
        lock.release()
    return JournalStorage(JournalFileBackend(str(journal), JournalFileOpenLock(str(journal))))


def _drop_torn_line(journal: Path) -> None:
    if not journal.exists():
        return
    with open(journal, "rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def open_study(
    name: str, journal: Path, subject: Subject, sampler: BaseSampler, pruner: MedianPruner
) -> optuna.Study:
    """The study of this name; `subject` is all that its trials must have in common.

    Raises:
        DltError: the study is about something else: another space, phase or dataset.
    """
    study = optuna.create_study(
        study_name=name,
        storage=open_storage(journal),
        sampler=sampler,
        pruner=pruner,
        direction="maximize",
        load_if_exists=True,
    )
    if SUBJECT not in study.user_attrs:
        study.set_user_attr(SUBJECT, dict(subject))
    known = study.user_attrs[SUBJECT]
    changed = [key for key in subject if known.get(key) != subject[key]]
    if changed:
        raise DltError(
            f"{journal}: its trials are of another {' and '.join(changed)}, so new ones cannot be "
            "compared with them; give tune.study in params.yaml another name"
        )
    return study


def this_checkout() -> str:
    """The name of this checkout among all that may work on a study."""
    return f"{socket.gethostname()}:{os.getcwd()}"


def start_from(study: optuna.Study, journal: Path, values: Mapping[str, Any]) -> None:
    """Make the present defaults the first trial of a study that has none."""
    with _proposing(journal):
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(dict(values))


def propose(
    study: optuna.Study, journal: Path, space: Space, owner: str, limit: int
) -> FrozenTrial | None:
    """The next trial of this owner; None if the study has had `limit` of them already."""
    with _proposing(journal):
        trials = [t for t in study.get_trials(deepcopy=False) if t.state != TrialState.WAITING]
        orphan = next((t for t in trials if is_running(t) and OWNER not in t.user_attrs), None)
        if orphan is None and len(trials) >= limit:
            return None
        trial = Trial(study, orphan._trial_id) if orphan else study.ask()
        for name, distribution in space.items():
            _suggest(trial, name, distribution)
        trial.set_user_attr(OWNER, owner)
    return frozen(study, trial.number)


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> None:
    """What `ask(space)` does, for a trial that may have some of its values already."""
    if isinstance(distribution, FloatDistribution):
        bounds = (distribution.low, distribution.high)
        trial.suggest_float(name, *bounds, step=distribution.step, log=distribution.log)
    elif isinstance(distribution, IntDistribution):
        span = (distribution.low, distribution.high)
        trial.suggest_int(name, *span, step=distribution.step, log=distribution.log)
    elif isinstance(distribution, CategoricalDistribution):
        trial.suggest_categorical(name, distribution.choices)


@contextmanager
def _proposing(journal: Path) -> Iterator[None]:
    """One proposal at a time over all machines; a killed holder's lock ends after 30 s."""
    lock = JournalFileOpenLock(f"{journal}.proposing")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_running(trial: FrozenTrial) -> bool:
    """Whether the trial has begun and has no result yet."""
    return trial.state == TrialState.RUNNING


def own_trials(study: optuna.Study, owner: str) -> list[FrozenTrial]:
    """The running trials of this owner."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [trial for trial in trials if trial.user_attrs.get(OWNER) == owner]


def frozen(study: optuna.Study, number: int) -> FrozenTrial:
    """A trial as it stands in the journal now."""
    return study.get_trials(deepcopy=False)[number]
