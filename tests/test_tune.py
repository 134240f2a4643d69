"""Sweeps with a function in place of DVC: the same proposer, the same loop, the same journal."""

import math
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from dlt.errors import DltError
from dlt.files import write_json
from dlt.params import PARAMS, Tune, load_params
from dlt.tune import pruning
from dlt.tune.adopt import adopt, choose
from dlt.tune.places import trial_path
from dlt.tune.report import ranked, write_report
from dlt.tune.study import (
    new_pruner,
    new_sampler,
    open_storage,
    open_study,
    own_trials,
    propose,
    space_of,
    start_from,
)
from dlt.tune.sweep import MOST_ATTEMPTS, REASON, Outcome, sweep
from tests.test_params import written

TUNE = Tune.model_validate(
    {
        "study": "test",
        "startup_trials": 10,
        "pruning": {"startup_trials": 2, "warmup_epochs": 0},
        "space": {
            "train.lr": {"low": 1e-5, "high": 1e-1, "log": True},
            "model.dropout": {"low": 0.0, "high": 0.9},
            "train.class_dropout": {"low": 0.0, "high": 1.0},
            "train.warmup_steps": {"low": 0, "high": 1000},
            "train.batch_size": {"choices": [8, 16, 32]},
        },
    }
)
SPACE = space_of(TUNE)
MOST = 40  # trials


def known(values: Mapping[str, Any]) -> float:
    """At most 1, where lr is 1e-3, dropout 0.2, class_dropout 0.7, warm-up 300, batch size 16."""
    losses = (
        (math.log10(values["train.lr"]) + 3) ** 2,
        (values["model.dropout"] - 0.2) ** 2 * 4,
        (values["train.class_dropout"] - 0.7) ** 2 * 4,
        (values["train.warmup_steps"] / 1000 - 0.3) ** 2 * 4,
        0.0 if values["train.batch_size"] == 16 else 0.3,
    )
    return 1 - sum(losses)


class FunctionRunner:
    """Runs an experiment when it is first looked at; a file in `folder` for each is its memory."""

    def __init__(self, folder: Path, endings: Mapping[int, Outcome] | None = None) -> None:
        self.folder = folder
        self.endings = endings or {}
        folder.mkdir(exist_ok=True)

    def submit(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        with open(self.folder / name, "x", encoding="utf-8") as file:  # twice would be a fault
            file.write(repr(known(values)))

    def outcomes(self, names: Collection[str]) -> Mapping[str, Outcome]:
        return {name: self._outcome(name) for name in names}

    def _outcome(self, name: str) -> Outcome:
        path = self.folder / name
        if not path.exists():
            return Outcome("absent")
        given = self.endings.get(int(name[-4:]))
        return given or Outcome("done", float(path.read_text(encoding="utf-8")))

    def tidy(self, name: str) -> None:
        pass

    def serve(self, jobs: int) -> None:
        pass


class LosingRunner(FunctionRunner):
    """Loses whatever it is given."""

    submitted = 0

    def submit(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        self.submitted += 1


def make_study(
    journal: Path, sampler: BaseSampler | None = None, subject: Mapping[str, Any] | None = None
) -> optuna.Study:
    about = {"phase": "phase1"} if subject is None else subject
    sampler = sampler or new_sampler(10, seed=0)
    return open_study("test", journal, about, sampler, new_pruner(TUNE.pruning))


def run(
    folder: Path,
    sampler: BaseSampler | None = None,
    *,
    trials: int = MOST,
    jobs: int = 2,
    runner: FunctionRunner | None = None,
) -> optuna.Study:
    journal = folder / "test.journal"
    study = make_study(journal, sampler)
    runner = runner or FunctionRunner(folder / "runs")
    sweep(study, journal, SPACE, runner, "me", trials=trials, jobs=jobs, wait=lambda: None)
    return study


# --- the search -----------------------------------------------------------------------------------


def test_beats_random_search_at_equal_trials_over_five_seeds(tmp_path: Path) -> None:
    found: dict[str, list[float]] = {"tpe": [], "random": []}
    for seed in range(5):
        for name, sampler in (("tpe", new_sampler(10, seed)), ("random", RandomSampler(seed))):
            folder = tmp_path / f"{name}{seed}"
            folder.mkdir()
            study = run(folder, sampler)
            assert len(study.trials) == MOST
            found[name].append(study.best_value)
    better = sum(tpe > random for tpe, random in zip(*found.values(), strict=True))
    regret = {name: sum(1 - value for value in values) for name, values in found.items()}
    assert better >= 4, found
    assert regret["tpe"] < 0.6 * regret["random"], found


def test_the_first_trial_is_the_present_default(tmp_path: Path) -> None:
    journal = tmp_path / "test.journal"
    study = make_study(journal)
    for _ in range(2):  # a second start adds none
        start_from(study, journal, {"train.lr": 2e-3, "train.batch_size": 32})
    first, second = (propose(study, journal, SPACE, "me", 2) for _ in range(2))
    assert first and first.params["train.lr"] == 2e-3 and first.params["train.batch_size"] == 32
    assert second and second.params["train.lr"] != 2e-3
    assert propose(study, journal, SPACE, "me", 2) is None


# --- a kill at any moment -------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it."""


class Deadline:
    """Kills at the nth tick, before or after what is done there."""

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks

    def __call__(self) -> None:
        self.ticks -= 1
        if self.ticks == 0:
            raise Killed


class MortalBackend(JournalFileBackend):
    """A journal whose writer is killed at the deadline."""

    def __init__(self, path: Path, deadline: Deadline) -> None:
        super().__init__(str(path), JournalFileOpenLock(str(path)))
        self.deadline = deadline

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.deadline()
        super().append_logs(logs)
        self.deadline()


class MortalRunner(FunctionRunner):
    """A runner whose user is killed at the deadline."""

    def __init__(self, folder: Path, deadline: Deadline) -> None:
        super().__init__(folder)
        self.deadline = deadline

    def submit(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        self.deadline()
        super().submit(number, name, values)
        self.deadline()


def _run_until_killed(folder: Path, ticks: int) -> bool:
    """Whether a sweep of four trials came to its end before it was killed."""
    deadline = Deadline(ticks)
    journal = folder / "test.journal"
    make_study(journal)
    study = optuna.load_study(
        study_name="test",
        storage=JournalStorage(MortalBackend(journal, deadline)),
        sampler=new_sampler(10, seed=0),
    )
    runner = MortalRunner(folder / "runs", deadline)
    try:
        sweep(study, journal, SPACE, runner, "me", trials=4, jobs=2, wait=lambda: None)
    except Killed:
        return False
    return True


def test_no_trial_is_lost_or_run_twice_wherever_a_sweep_is_killed(tmp_path: Path) -> None:
    for ticks in range(1, 300):
        folder = tmp_path / str(ticks)
        folder.mkdir()
        ended = _run_until_killed(folder, ticks)
        study = run(folder, trials=4)
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
        ran = {path.name: float(path.read_text()) for path in (folder / "runs").iterdir()}
        assert ran == {f"test-{t.number:04d}": t.value for t in study.trials}
        if ended:
            assert ticks > 60  # each trial writes a dozen times
            return
    raise AssertionError("the sweep never came to its end")


def test_a_line_that_a_kill_cut_short_is_taken_off_the_journal(tmp_path: Path) -> None:
    run(tmp_path, trials=3)
    journal = tmp_path / "test.journal"
    with open(journal, "a", encoding="utf-8") as file:
        file.write('{"op_code":4,"worker_id":')
    study = run(tmp_path, trials=5)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 5


# --- endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome("failed", reason="train failed"), "train failed"),
        (Outcome("done", math.nan), "diverged: value is nan"),
        (Outcome("done", 0.5, metrics={"train.loss": math.inf}), "diverged: train.loss is inf"),
        (Outcome("done", None), "no val accuracy"),
    ],
)
def test_failed_and_diverged_trials_are_told_as_failed(
    tmp_path: Path, outcome: Outcome, reason: str
) -> None:
    study = run(tmp_path, trials=3, runner=FunctionRunner(tmp_path / "runs", {1: outcome}))
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert study.trials[1].user_attrs[REASON] == reason


def test_a_trial_that_the_queue_keeps_losing_fails_in_the_end(tmp_path: Path) -> None:
    runner = LosingRunner(tmp_path / "runs")
    study = run(tmp_path, trials=2, runner=runner)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] * 2
    assert runner.submitted == 2 * MOST_ATTEMPTS


def test_an_experiment_of_another_study_is_not_taken_for_a_result(tmp_path: Path) -> None:
    runner = FunctionRunner(tmp_path / "runs")
    (tmp_path / "runs" / "test-0001").write_text("0.9")
    with pytest.raises(DltError, match="test-0001"):
        run(tmp_path, trials=2, runner=runner)


def test_trials_about_something_else_are_refused(tmp_path: Path) -> None:
    make_study(tmp_path / "test.journal", subject={"phase": "phase1", "data": "a"})
    with pytest.raises(DltError, match="another data"):
        make_study(tmp_path / "test.journal", subject={"phase": "phase1", "data": "b"})


# --- several machines -----------------------------------------------------------------------------


def _machine(folder: Path, owner: str, both_began: Barrier) -> None:
    journal = folder / "test.journal"
    study = make_study(journal, new_sampler(10))
    runner = FunctionRunner(folder / "runs")
    meetings = iter([both_began.wait])  # once: each machine has trials before either goes on

    def wait() -> None:
        next(meetings, lambda: None)()

    sweep(study, journal, SPACE, runner, owner, trials=30, jobs=2, wait=wait)


def test_two_processes_share_a_study(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    owners = ("one", "two")
    both_began = context.Barrier(len(owners), timeout=100)
    machines = [
        context.Process(target=_machine, args=(tmp_path, owner, both_began)) for owner in owners
    ]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join(120)
        assert machine.exitcode == 0
    study = make_study(tmp_path / "test.journal")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 30
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        f"test-{number:04d}" for number in range(30)
    ]
    assert {trial.user_attrs["owner"] for trial in study.trials} == set(owners)
    assert own_trials(study, "one") == []


# --- what training asks ---------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    pruning._trial.cache_clear()
    yield tmp_path
    pruning._trial.cache_clear()


def _trains(study: optuna.Study, journal: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Be the training of a new trial from here on; its number."""
    trial = propose(study, journal, SPACE, "me", 99)
    assert trial
    told = {"study": "test", "journal": str(journal), "pruning": TUNE.pruning.model_dump()}
    write_json(trial_path(name), {**told, "number": trial.number})
    monkeypatch.setenv("DVC_EXP_NAME", name)
    pruning._trial.cache_clear()
    return trial.number


def test_a_trial_worse_than_the_others_stops(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = checkout / "test.journal"
    study = make_study(journal)
    for value in (0.5, 0.6, 0.7):
        number = _trains(study, journal, f"good-{value}", monkeypatch)
        assert not any(pruning.should_stop(epoch, value) for epoch in (2, 4))
        study.tell(number, value)
    number = _trains(study, journal, "bad", monkeypatch)
    assert pruning.should_stop(2, 0.1)
    assert study.trials[number].user_attrs[pruning.PRUNED] == 2
    assert study.trials[number].intermediate_values == {2: 0.1}
    number = _trains(study, journal, "best", monkeypatch)
    assert not pruning.should_stop(2, 0.9)
    study.tell(number, 0.9)
    assert not pruning.should_stop(4, 0.0)  # a study that takes no more reports stops nothing


def test_outside_a_sweep_nothing_stops_and_nothing_is_imported(checkout: Path) -> None:
    code = "import sys; from dlt.tune.pruning import should_stop; print(should_stop(1, 0.0)); "
    code += "print([name for name in ('optuna', 'torch', 'dvc') if name in sys.modules])"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "DVC_EXP_NAME": "other"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["False", "[]"]


# --- results --------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    ending = Outcome("failed", reason="<script>alert(1)</script>")
    study = run(tmp_path, trials=12, runner=FunctionRunner(tmp_path / "runs", {3: ending}))
    write_report(study, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert "http:" not in page and "https:" not in page
    assert page.count('src="data:image/svg+xml;base64,') == 5
    assert f"test-{ranked(study)[0].number:04d}" in page and "train.<wbr>warmup_" in page


def test_a_study_without_results_still_has_a_page(tmp_path: Path) -> None:
    write_report(make_study(tmp_path / "test.journal"), tmp_path / "page.html")
    assert "0 trials" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_winner_becomes_the_default_of_its_phase_alone(tmp_path: Path) -> None:
    text = PARAMS.read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("  weight_decay: null", "  weight_decay: 0.2"), encoding="utf-8")
    before = load_params(path)
    adopt(path, "phase1", {"train.lr": 1.5e-3, "train.weight_decay": 0.125, "model.dropout": 0.25})
    after = load_params(path)
    chosen = after.resolve("phase1")
    assert (chosen.train.lr, chosen.train.weight_decay) == (1.5e-3, 0.125)
    assert chosen.model.dropout == 0.25
    for phase in ("phase2", "phase3", "phase4"):
        assert getattr(after.phases, phase) == getattr(before.phases, phase)
    lines, kept = text.splitlines(), path.read_text(encoding="utf-8").splitlines()
    named = ("  lr:", "weight_decay:", "  dropout:")
    assert [line for line in lines if not any(name in line for name in named)] == [
        line for line in kept if not any(name in line for name in named)
    ]


def test_the_best_trial_is_chosen_unless_another_is_named(tmp_path: Path) -> None:
    study = run(tmp_path, trials=6)
    assert choose(study, None).value == study.best_value
    assert choose(study, 2).number == 2
    with pytest.raises(DltError, match="no complete trial 9"):
        choose(study, 9)


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "named"),
    [
        ({"train.typo": {"low": 0, "high": 1}}, "train.typo"),
        ({"seed": {"low": 0, "high": 1}}, "space.seed"),
        ({"train.lr": {"low": -1.0, "high": 1.0}}, "train.lr: -1"),
        ({"model.d_model": {"choices": [64, 100]}}, "model.d_model: 100"),
        ({"train.lr": {"low": 1.0, "high": 0.5}}, "low must be below high"),
        ({"train.lr": {"low": 0.0, "high": 0.5, "log": True}}, "log wants low above 0"),
        ({}, "tune.space"),
    ],
)
def test_a_wrong_space_is_named(tmp_path: Path, space: dict[str, Any], named: str) -> None:
    with pytest.raises(DltError, match=named):
        load_params(written(tmp_path, tune__space=space))


def test_the_space_of_the_repository_holds_the_defaults() -> None:
    params = load_params()
    now = params.resolve("phase1").model_dump()
    for name, distribution in space_of(params.tune).items():
        block, key = name.split(".")
        assert distribution._contains(distribution.to_internal_repr(now[block][key])), name


def test_the_storage_opens_a_journal_in_a_new_folder(tmp_path: Path) -> None:
    open_storage(tmp_path / "shared" / "test.journal")
    assert (tmp_path / "shared" / "test.journal").exists()
