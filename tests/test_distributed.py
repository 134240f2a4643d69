"""Training by several processes, killed and taken up again, through the stage itself."""

import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from tests.pipeline import TIMEOUT, Checkout, end, environment

MODEL = "models/dlt/model.safetensors"
TRAIN = (sys.executable, "-m", "stages.train")


@pytest.fixture(scope="session")
def divided(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a divided data set (19 sections to train on), no dropout; not to be changed."""
    checkout = fresh.copy(tmp_path_factory.mktemp("divided") / "repo")
    checkout.set(**{"model.dropout": 0.0, "train.eval_every": 1, "train.checkpoint_minutes": 1e-9})
    for stage in ("source", "ingest", "validate", "split"):
        checkout.stage(stage)
    return checkout


@pytest.fixture
def untrained(divided: Checkout, tmp_path: Path) -> Checkout:
    """One's own."""
    return divided.copy(tmp_path / "repo")


@pytest.fixture(scope="session")
def alone(divided: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which one process has trained with six examples a step, the last has one."""
    checkout = divided.copy(tmp_path_factory.mktemp("alone") / "repo")
    checkout.set(**{"train.batch_size": 6}).stage("train")
    return checkout


def curve(checkout: Checkout, name: str = "train/loss") -> list[float]:
    """A logged metric by epoch."""
    path = checkout.root / "metrics/train/plots/metrics" / f"{name}.tsv"
    return [float(line.split("\t")[-1]) for line in path.read_text().splitlines()[1:]]


def assert_alike(checkout: Checkout, other: Checkout) -> None:
    """The same losses but for the order of sums."""
    for name in ("train/loss", "val/loss"):
        assert curve(checkout, name) == pytest.approx(curve(other, name), rel=1e-5)


def test_two_processes_are_as_one_with_twice_the_batch(
    untrained: Checkout, alone: Checkout
) -> None:
    untrained.set(**{"train.batch_size": 3, "train.num_gpus": 2})
    said = untrained.stage("train").stdout
    assert "torchrun: 2 processes" in said and said.count("best: epoch") == 1
    assert_alike(untrained, alone)
    assert (untrained.root / MODEL).exists() and untrained.leftovers() == []


@pytest.mark.slow
def test_sharded_weights_give_the_same_losses(untrained: Checkout, alone: Checkout) -> None:
    untrained.set(**{"train.batch_size": 3, "train.num_gpus": 2, "train.shard_model": True}).stage(
        "train"
    )
    assert_alike(untrained, alone)
    assert untrained.digest(MODEL).keys() == alone.digest(MODEL).keys()


class Training:
    """The train stage in the background."""

    def __init__(self, checkout: Checkout, **variables: str):
        self.checkout = checkout
        self.log = checkout.root.parent / f"train{time.monotonic_ns()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                TRAIN,
                cwd=checkout.root,
                env=environment() | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def step(self) -> int:
        """The step of the newest checkpoint."""
        found = [p.stem for p in self.checkout.root.glob(".checkpoints/*/step-*.pt")]
        return max((int(name.split("-")[1]) for name in found), default=0)

    def wait_for(self, step: int) -> None:
        """Wait until a step is in a checkpoint."""
        deadline = time.monotonic() + TIMEOUT
        while self.step() < step:
            assert self.process.poll() is None, self.said()
            if time.monotonic() > deadline:
                self.fail()
            time.sleep(0.01)

    def ranks(self) -> list[psutil.Process]:
        """The processes that torchrun started."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "stages.train" in child.cmdline()]

    def kill(self) -> None:
        """kill -9 the stage: what it has started must end, too."""
        ranks = self.ranks()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(ranks, timeout=20)
        assert not alive

    def done(self, code: int = 0) -> str:
        """Wait for its end; what it has said."""
        try:
            assert self.process.wait(TIMEOUT) == code, self.said()
        except subprocess.TimeoutExpired:
            self.fail()
        return self.said()

    def fail(self) -> NoReturn:
        """It stands: end it, and the test."""
        end(self.process)
        pytest.fail(f"stood for {TIMEOUT} s:\n{self.said()}")

    def said(self) -> str:
        """What it has said so far."""
        return self.log.read_text(encoding="utf-8")


def test_killed_at_any_step_and_taken_up_is_as_never_killed(
    untrained: Checkout, alone: Checkout
) -> None:
    untrained.set(**{"train.batch_size": 6})
    training = Training(untrained)
    training.wait_for(random.randint(1, 6))  # of eight, in two epochs
    training.kill()
    reached = training.step()
    newest = max(untrained.root.glob(".checkpoints/*/step-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-200])
    said = untrained.stage("train").stdout
    assert "falling back to the one before" in said or reached < 2
    assert untrained.digest(MODEL) == alone.digest(MODEL) != {}
    assert [curve(untrained, name) for name in ("train/loss", "val/layout_accuracy")] == [
        curve(alone, name) for name in ("train/loss", "val/layout_accuracy")
    ]


def test_a_finished_run_goes_on_with_other_values(untrained: Checkout, alone: Checkout) -> None:
    (kept,) = (alone.root / ".checkpoints/finished").glob("*.pt")
    untrained.set(
        **{
            "train.batch_size": 6,
            "train.epochs": 3,
            "train.lr": 1e-4,
            "train.resume_from": str(kept),
        }
    )
    assert "going on after epoch 3" in untrained.stage("train").stdout  # one of them: proposals
    assert curve(untrained)[:3] == curve(alone) and len(curve(untrained)) == 4
    untrained.set(**{"train.resume_from": "nowhere.pt"})
    assert "nowhere.pt" in untrained.refused("train")


@pytest.mark.parametrize("ranks", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_explodes_ends_with_one_line(untrained: Checkout, ranks: int) -> None:
    constant = {"train.schedule": "constant", "train.warmup_steps": 0}
    untrained.set(**constant, **{"train.lr": 1e30, "train.num_gpus": ranks})
    done = untrained.run(*TRAIN, code=1)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("train: ")]
    assert "step " in line and "learning rate " in line and "train.lr lower" in line
    (kept,) = re.findall(r"train\.resume_from=(\S+) goes on", line)
    assert (untrained.root / kept).is_file()
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_rank_that_dies_is_started_again(untrained: Checkout, alone: Checkout) -> None:
    untrained.set(**{"train.batch_size": 3, "train.num_gpus": 2})
    training = Training(untrained)
    training.wait_for(2)
    training.ranks()[1].kill()
    assert "going on after epoch" in training.done()
    assert_alike(untrained, alone)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_ranks(untrained: Checkout, alone: Checkout) -> None:
    training = Training(untrained.set(**{"train.batch_size": 3, "train.num_gpus": 2}))
    training.wait_for(2)
    training.kill()
    assert "going on" in untrained.set(**{"train.num_gpus": 1}).stage("train").stdout
    assert_alike(untrained, alone)


def free_port() -> int:
    """A port that nobody uses at present."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def meeting() -> dict[str, str]:
    """How two agents of torchrun find each other."""
    return {
        "PET_NNODES": "2",
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": f"localhost:{free_port()}",
        "PET_RDZV_ID": "test",
    }


@pytest.mark.slow
def test_two_machines_are_as_one(
    untrained: Checkout, alone: Checkout, meeting: dict[str, str]
) -> None:
    untrained.set(**{"train.batch_size": 3})
    agents = [Training(untrained, **meeting) for _ in range(2)]
    said = [agent.done() for agent in agents]
    assert sum("best: epoch" in text for text in said) == 1
    assert_alike(untrained, alone)


def test_a_machine_that_waits_in_vain_for_another_ends_with_one_line(
    untrained: Checkout, meeting: dict[str, str]
) -> None:
    said = untrained.run(
        *TRAIN, code=1, variables={**meeting, "PET_RDZV_CONF": "join_timeout=2"}
    ).stderr
    assert f"the machines did not meet at {meeting['PET_RDZV_ENDPOINT']}" in said
    assert "Traceback" not in said


GATHERS = """
import time
from datetime import timedelta
from dlt.train.distributed import joined

with joined({waits}=timedelta(seconds=2)) as ranks:
    time.sleep(1000 * ranks.rank)
    ranks.gather([0.0])
"""


@pytest.mark.parametrize("waits, world", [("start", 1), ("answer", 2)])
def test_a_rank_that_waits_in_vain_for_another_ends_with_one_line(waits: str, world: int) -> None:
    meeting = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port()), "LOCAL_RANK": "0"}
    variables = environment() | meeting | {"WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}
    first, *others = [
        subprocess.Popen(
            [sys.executable, "-c", GATHERS.format(waits=waits)],
            env=variables | {"RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for rank in range(world)
    ]
    try:
        _, said = first.communicate(timeout=TIMEOUT)
    finally:
        for process in (first, *others):
            end(process)
    assert first.returncode == 1 and "Traceback" not in said
    assert "torchrun: rank 0: another rank is gone or does not answer: " in said
