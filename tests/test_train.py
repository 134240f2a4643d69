"""The training loop, its checkpoints, and the file of a trained model."""

import math
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dlt.data.labelled import Sections
from dlt.errors import DltError
from dlt.model.layout_model import LayoutModel
from dlt.params import TrainParams, load_params
from dlt.train import checkpoint
from dlt.train.batches import Limits, Steps
from dlt.train.checkpoint import load_checkpoint, read_checkpoint, run_key, save_checkpoint
from dlt.train.distributed import Ranks
from dlt.train.hardware import settle
from dlt.train.loop import role_weights, train_epoch
from dlt.train.model_file import MODEL_FILE, load_model, save_model
from dlt.train.plan import epoch_examples
from dlt.train.rate import learning_rate
from dlt.train.resume import resume
from dlt.train.run import Run, new_run
from dlt.train.start import drawn_back
from tests.test_model import TINY, sections

ALONE = Ranks(0, 1, torch.device("cpu"))
PARAMS: TrainParams = settle(load_params().phases.phase1.train, ALONE).model_copy(
    update={"proposal_epochs": 1, "epochs": 4, "batch_size": 4, "warmup_steps": 2}
)


@pytest.fixture(scope="module")
def examples() -> Sections:
    """A dozen synthetic sections."""
    return Sections(sections(12))


def fresh_run(params: TrainParams = PARAMS, dropout: float = 0.1) -> Run:
    """A run with the same initial weights every time."""
    torch.manual_seed(0)
    return new_run(LayoutModel(TINY.model_copy(update={"dropout": dropout})), params, ALONE)


class Killed(Exception):
    """The end of a run in its midst."""


def epochs(
    run: Run,
    examples: Sections,
    until: int,
    params: TrainParams = PARAMS,
    save: Callable[[], None] = lambda: None,
) -> Run:
    """Train until so many epochs are finished."""
    weights = role_weights([e.encoded for e in examples], params.role_balance)
    limits = Limits.of(TINY, params)
    while run.epoch < until:
        numbers = epoch_examples([0] * len(examples), params, run.epoch)
        steps = Steps(examples, numbers, params, limits, 0, run.epoch, ALONE, run.step_size)
        run.history.append(train_epoch(run, steps, params, weights, (0, 12), save))
    return run


def same(a: Run, b: Run) -> bool:
    """Whether two runs have the same weights and averages, bit for bit."""
    return all(
        torch.equal(x, y)
        for one, two in ((a.model, b.model), (a.average, b.average))
        for x, y in zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    )


def losses_of(run: Run) -> list[float]:
    """The training losses by epoch."""
    return [metrics["train/loss"] for metrics in run.history]


def test_training_lowers_the_loss_and_repeats_exactly(examples: Sections) -> None:
    first, second = (epochs(fresh_run(), examples, 4) for _ in range(2))
    proposal, *whole = losses_of(first)
    assert whole[-1] < whole[0]
    assert proposal > 0
    assert ["train/box_loss" in metrics for metrics in first.history] == [False, True, True, True]
    assert same(first, second)


def test_padding_is_logged(examples: Sections) -> None:
    nodes = [len(e.structure) for e in examples]
    rows = [e.encoded.image.shape[0] for e in examples]
    steps = Steps(examples, range(12), PARAMS, Limits.of(TINY, PARAMS), 0, 0, ALONE, 4)
    assert [len(batch) for batch in steps.batches] == [4, 4, 4]
    found = epochs(fresh_run(), examples, 1).history[0]
    for name, sizes in (("train/node_padding", nodes), ("train/patch_padding", rows)):
        places = sum(4 * max(sizes[i] for i in batch) for batch in steps.batches)
        assert found[name] == pytest.approx(1 - sum(sizes) / places)
        assert 0 < found[name] < 1
    # one at a time, there is none
    alone = epochs(fresh_run(), examples, 1, PARAMS.model_copy(update={"max_tokens_per_batch": 1}))
    assert alone.history[0]["train/node_padding"] == alone.history[0]["train/patch_padding"] == 0


@pytest.mark.parametrize("step", [1, 5, 6])
@pytest.mark.parametrize("factor", [0, 1])
def test_resumed_is_as_never_stopped(
    examples: Sections, tmp_path: Path, step: int, factor: int
) -> None:
    params = PARAMS.model_copy(update={"checkpoint_minutes": 1e-9, "augmentation_factor": factor})
    whole = epochs(fresh_run(), examples, 3, params)
    killed = fresh_run()

    def save_and_die() -> None:
        save_checkpoint(tmp_path, killed.state_dict(), keep=1, best=False)
        if killed.step == step:
            raise Killed

    with pytest.raises(Killed):
        epochs(killed, examples, 3, params, save_and_die)
    resumed = fresh_run()
    state = load_checkpoint(tmp_path)
    assert state is not None and state["step"] == step
    resumed.load_state_dict(state)
    assert same(whole, epochs(resumed, examples, 3, params))
    for name in ("train/loss", "train/node_padding"):
        assert [m[name] for m in whole.history] == [m[name] for m in resumed.history]


def test_the_newest_checkpoints_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(5):
        save_checkpoint(tmp_path, {"step": step}, keep=2, best=step == 1)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best.pt",
        "step-000000003.pt",
        "step-000000004.pt",
    ]
    assert read_checkpoint(tmp_path / "best.pt") == {"step": 1}


def test_weights_are_drawn_back_to_where_they_began(examples: Sections) -> None:
    run = fresh_run()
    start = {name: weight.clone() for name, weight in run.model.state_dict().items()}
    trained = epochs(run, examples, 1).average_weights()
    assert all(torch.equal(w, trained[name]) for name, w in drawn_back(trained, start, 0).items())
    for name, weight in drawn_back(trained, start, 0.25).items():
        if weight.is_floating_point():
            torch.testing.assert_close(weight, 0.75 * trained[name] + 0.25 * start[name])
        else:  # which words are known
            assert torch.equal(weight, trained[name])


@pytest.mark.parametrize("damage", ["truncated", "empty", "pickle"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    assert load_checkpoint(tmp_path) is None
    for step in (1, 2):
        save_checkpoint(tmp_path, {"step": step, "x": torch.zeros(1000)}, keep=2, best=False)
    newest = tmp_path / "step-000000002.pt"
    if damage == "pickle":
        torch.save({"step": Path("/")}, newest)
    else:
        newest.write_bytes(newest.read_bytes()[: 2000 if damage == "truncated" else 0])
    state = load_checkpoint(tmp_path)
    assert state is not None and state["step"] == 1
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1 and str(newest) in said and "falling back" in said
    with pytest.raises(DltError, match="step-000000002"):
        read_checkpoint(newest)


@pytest.mark.parametrize("state", [{"step": 1}, {"step": 1, "order": "", "step_size": 4}])
def test_a_checkpoint_of_something_else_is_one_line(tmp_path: Path, state: dict[str, Any]) -> None:
    other = tmp_path / "other.pt"
    torch.save(state, other)
    with pytest.raises(DltError, match="^train.resume_from: .*other.pt does not fit: .+$"):
        resume(fresh_run(), tmp_path / "none", str(other))


def test_what_decides_the_result_makes_another_run_and_nothing_else() -> None:
    config = {"seed": 0, "train": PARAMS.model_dump()}

    def key(**changes: object) -> str:
        return run_key({**config, "train": {**PARAMS.model_dump(), **changes}}, "data")

    assert key() == run_key(config, "data")
    assert key() == key(gradient_accumulation="auto") != key(gradient_accumulation=2)
    assert len({key(), key(lr=1.0), key(batch_size=5), run_key(config, "other")}) == 4
    assert key() == key(num_gpus=4, gradient_checkpointing=True, max_tokens_per_batch=99)
    assert key() == key(batch_size=2, gradient_accumulation=2)


@pytest.mark.parametrize("package", ["section", "grounding", "data", "spacing", "model", "train"])
def test_other_code_makes_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    copy = shutil.copytree(Path(checkpoint.__file__).parents[1], tmp_path / "dlt")
    monkeypatch.setattr(checkpoint, "__file__", str(copy / "train" / "checkpoint.py"))
    before = run_key({}, "data")
    with (copy / package / "__init__.py").open("a") as module:
        module.write("# changed\n")
    assert run_key({}, "data") != before


def test_learning_rate_warms_up_and_falls_to_one_per_cent() -> None:
    rates = [learning_rate(step, 100, PARAMS) for step in range(101)]
    assert rates[0] == PARAMS.lr / 2 and rates[2] == PARAMS.lr
    assert all(a >= b for a, b in pairwise(rates[2:]))
    assert math.isclose(rates[-1], PARAMS.lr / 100)


def test_rare_roles_weigh_more_and_the_mean_is_one(examples: Sections) -> None:
    encoded = [e.encoded for e in examples]
    weights = role_weights(encoded, 0.5)
    targets = [e.targets for e in encoded if e.targets]
    counts = torch.bincount(
        torch.cat([torch.from_numpy(t.roles) for t in targets]), minlength=len(weights)
    )
    assert weights[counts.argmax()] == weights.min()
    assert torch.equal(role_weights(encoded, 0), torch.ones(len(weights)))


def test_a_model_file_holds_weights_and_configuration(tmp_path: Path) -> None:
    model = fresh_run().model
    save_model(tmp_path, model, {"model": TINY.model_dump(), "phase": "phase1"})
    loaded, config = load_model(tmp_path)
    assert config["phase"] == "phase1"
    pairs = zip(model.state_dict().values(), loaded.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_model_of_another_shape_says_what_does_not_fit(tmp_path: Path) -> None:
    wider = TINY.model_copy(update={"d_model": 2 * TINY.d_model})
    save_model(tmp_path, fresh_run().model, {"model": wider.model_dump()})
    with pytest.raises(DltError, match=f"{MODEL_FILE}: weights do not fit: .*size mismatch for "):
        load_model(tmp_path)


def test_a_model_of_an_earlier_format_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("dlt.train.model_file.FORMAT", "1")
        save_model(tmp_path, fresh_run().model, {"model": TINY.model_dump()})
    with pytest.raises(DltError, match="made for another version of the roles or of the format"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "damage",
    ["absent", "truncated", "foreign", "[]", '{"model": []}', '{"model": {}}', "[" * 100_000],
)
def test_a_damaged_model_is_one_line_that_names_the_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / MODEL_FILE
    if damage == "truncated":
        save_model(tmp_path, fresh_run().model, {"model": TINY.model_dump()})
        path.write_bytes(path.read_bytes()[:1000])
    elif damage != "absent":
        save_file({"x": torch.zeros(1)}, path, None if damage == "foreign" else {"config": damage})
    with pytest.raises(DltError, match=MODEL_FILE) as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)
