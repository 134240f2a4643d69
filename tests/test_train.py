"""The training loop, its checkpoints, and the file of a trained model."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dlt.data.encode import Encoded
from dlt.errors import DltError
from dlt.model.layout_model import LayoutModel
from dlt.params import TrainParams, load_params
from dlt.train.checkpoint import load_checkpoint, run_key, save_checkpoint
from dlt.train.loop import Run, new_run, role_weights, train_epoch
from dlt.train.model_file import MODEL_FILE, load_model, save_model
from dlt.train.rate import learning_rate
from tests.test_model import TINY, sections

PARAMS: TrainParams = load_params().phases.phase1.train.model_copy(
    update={"epochs": 4, "batch_size": 4, "warmup_steps": 2}
)


@pytest.fixture(scope="module")
def examples() -> list[Encoded]:
    """A dozen synthetic sections."""
    return [section.encoded for section in sections(12)]


def fresh_run() -> Run:
    """A run with the same initial weights every time."""
    torch.manual_seed(0)
    return new_run(LayoutModel(TINY.model_copy(update={"dropout": 0.1})), PARAMS)


def epochs(run: Run, examples: list[Encoded], until: int) -> Run:
    """Train until so many epochs are finished."""
    weights = role_weights(examples, PARAMS.role_balance)
    while run.epoch < until:
        run.history.append(train_epoch(run, examples, PARAMS, weights, seed=0))
    return run


def same(a: Run, b: Run) -> bool:
    """Whether two runs have the same weights and averages, bit for bit."""
    return all(
        torch.equal(x, y)
        for one, two in ((a.model, b.model), (a.average, b.average))
        for x, y in zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    )


def test_training_lowers_the_loss_and_repeats_exactly(examples: list[Encoded]) -> None:
    first, second = (epochs(fresh_run(), examples, 4) for _ in range(2))
    assert first.history[-1]["train/loss"] < first.history[0]["train/loss"]
    assert same(first, second)


def test_resumed_is_as_never_stopped(examples: list[Encoded], tmp_path: Path) -> None:
    whole = epochs(fresh_run(), examples, 4)
    save_checkpoint(tmp_path, epochs(fresh_run(), examples, 2).state_dict())
    resumed = fresh_run()
    state = load_checkpoint(tmp_path)
    assert state is not None
    resumed.load_state_dict(state)
    assert same(whole, epochs(resumed, examples, 4))
    assert [h["train/loss"] for h in whole.history] == [h["train/loss"] for h in resumed.history]


def test_no_checkpoint_is_none_and_a_pickle_is_refused(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    torch.save({"epoch": Path("/")}, tmp_path / "last.pt")
    with pytest.raises(Exception, match="[Ww]eights"):
        load_checkpoint(tmp_path)


def test_another_parameter_or_data_set_is_another_run() -> None:
    keys = {run_key({"lr": lr}, data) for lr in (1, 2) for data in ("a", "b")}
    assert len(keys) == 4
    assert run_key({"lr": 1}, "a") in keys


def test_learning_rate_warms_up_and_falls_to_one_per_cent() -> None:
    rates = [learning_rate(step, 100, PARAMS) for step in range(101)]
    assert rates[0] == PARAMS.lr / 2 and rates[2] == PARAMS.lr
    assert all(a >= b for a, b in pairwise(rates[2:]))
    assert math.isclose(rates[-1], PARAMS.lr / 100)


def test_rare_roles_weigh_more_and_the_mean_is_one(examples: list[Encoded]) -> None:
    weights = role_weights(examples, 0.5)
    targets = [e.targets for e in examples if e.targets]
    counts = torch.bincount(
        torch.cat([torch.from_numpy(t.roles) for t in targets]), minlength=len(weights)
    )
    assert weights[counts.argmax()] == weights.min()
    assert torch.equal(role_weights(examples, 0), torch.ones(len(weights)))


def test_a_model_file_holds_weights_and_configuration(tmp_path: Path) -> None:
    model = fresh_run().model
    save_model(tmp_path, model, {"model": TINY.model_dump(), "phase": "phase1"})
    loaded, config = load_model(tmp_path)
    assert config["phase"] == "phase1"
    pairs = zip(model.state_dict().values(), loaded.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("damage", ["absent", "truncated", "foreign"])
def test_a_damaged_model_is_one_line_that_names_the_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / MODEL_FILE
    if damage == "truncated":
        save_model(tmp_path, fresh_run().model, {"model": TINY.model_dump()})
        path.write_bytes(path.read_bytes()[:1000])
    if damage == "foreign":
        save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(DltError, match=MODEL_FILE) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)
