"""Each switch of training acts, and changes nothing that it should not change."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dlt.data.dice import Dice
from dlt.data.examples import find_places
from dlt.data.labelled import PackedSections, Sections
from dlt.data.shards import ShardIndex, ShardWriter
from dlt.errors import DltError
from dlt.ingest.synthetic import write_dataset
from dlt.model.layers import Attention, SelfBlock
from dlt.params import TrainParams
from dlt.train.batches import Limits, Part, Steps, load_steps
from dlt.train.distributed import Ranks
from dlt.train.health import check_loss, memory_in_one_line, warn_of_idle_gpu
from dlt.train.run import Run
from tests.test_model import TINY, sections
from tests.test_train import ALONE, PARAMS, epochs, fresh_run, losses_of, same


@pytest.fixture(scope="module")
def examples() -> Sections:
    """Ten sections: a step of eight leaves two."""
    return Sections(sections(10))


def changed(**values: object) -> TrainParams:
    """Parameters of a short training."""
    return PARAMS.model_copy(update={"proposal_epochs": 0, "batch_size": 8, **values})


def trained(examples: Sections, **values: object) -> Run:
    """Two epochs without dropout."""
    params = changed(**values)
    return epochs(fresh_run(params, dropout=0), examples, 2, params)


@pytest.fixture(scope="module")
def plain(examples: Sections) -> Run:
    """What all switches are compared with."""
    return trained(examples)


@pytest.mark.parametrize(
    "values",
    [
        {"batch_size": 4, "gradient_accumulation": 2},
        {"max_tokens_per_batch": 150},
        {"gradient_checkpointing": True},
        {"dataloader_num_workers": 2},
    ],
    ids=lambda values: "-".join(values),
)
def test_what_saves_memory_or_time_leaves_the_loss(
    examples: Sections, plain: Run, values: dict[str, object]
) -> None:
    assert losses_of(trained(examples, **values)) == pytest.approx(losses_of(plain), rel=1e-5)


def test_the_same_training_repeats_with_workers(examples: Sections, plain: Run) -> None:
    assert same(plain, trained(examples, dataloader_num_workers=1))


def steps(examples: Sections, ranks: Ranks = ALONE, **values: object) -> Steps:
    """The steps of an epoch."""
    params = changed(**values)
    limits = Limits.of(TINY, params)
    return Steps(examples, range(len(examples)), params, limits, 0, 0, ranks, 8)


def a_step(examples: Sections, ranks: Ranks = ALONE, **values: object) -> list[Part]:
    """The first of them that is full."""
    found = steps(examples, ranks, **values)
    return found[next(i for i, batch in enumerate(found.batches) if len(batch) == 8)]


def test_parts_keep_to_the_limit_of_tokens(examples: Sections) -> None:
    def tokens(part: Part) -> int:
        count, height, width = part.inputs.images.shape[:3]
        patches = height // TINY.patch_size[0] * (width // TINY.patch_size[1])
        return count * (part.inputs.tags.shape[1] + patches)

    free, limited = (a_step(examples, max_tokens_per_batch=n) for n in (0, 150))
    assert len(free) == 1 and tokens(free[0]) > 150
    assert len(limited) > 1
    assert all(tokens(part) <= 150 or len(part.time_b) == 1 for part in limited)
    assert sum(len(part.time_b) for part in limited) == len(free[0].time_b)


def drawn(examples: Sections, ranks: int, batch_size: int) -> Iterator[tuple[int, float]]:
    """Each example's node count and time, as so many ranks draw them for the first step."""
    for rank in range(ranks):
        place = Ranks(rank, ranks, torch.device("cpu"))
        for part in a_step(examples, place, batch_size=batch_size):
            yield from zip(part.inputs.node_mask.sum(1).tolist(), part.time_b.tolist(), strict=True)


def test_noise_belongs_to_the_example_whatever_rank_and_batch_it_is_in(
    examples: Sections,
) -> None:
    alone = sorted(drawn(examples, 1, 8))
    assert len(alone) == 8
    assert sorted(drawn(examples, 2, 4)) == sorted(drawn(examples, 3, 2)) == alone


def test_dice_do_not_mind_their_neighbours_or_the_padding() -> None:
    many, one = Dice(1, 2, range(5)), Dice(1, 2, [3])
    for draw in ("uniform", "normal"):
        wide, narrow = getattr(many, draw)(9, 4), getattr(one, draw)(6, 4)
        assert torch.equal(wide[3, :6], narrow[0])
    others = [Dice(1, 2, [4]), Dice(1, 3, [3]), Dice(2, 2, [3])]
    assert len({float(dice.uniform()) for dice in [Dice(1, 2, [3]), *others]}) == 4
    assert Dice(1, 2, [3]).spread() == one.spread() != Dice(1, 3, [3]).spread()


def test_dice_are_uniform_and_normal() -> None:
    even, normal = Dice(0, 0, range(500)).uniform(200), Dice(0, 1, range(500)).normal(200)
    assert 0 <= even.min() and even.max() < 1
    assert torch.histc(even, 10, 0, 1).sub(10_000).abs().max() < 500
    assert normal.mean().abs() < 0.02 and (normal.var() - 1).abs() < 0.02
    assert (normal.abs() < 1.96).float().mean() == pytest.approx(0.95, abs=0.005)
    assert torch.corrcoef(even[:50]).triu(1).abs().max() < 0.35


def test_gradient_checkpointing_computes_blocks_twice(
    examples: Sections, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = dict.fromkeys((False, True), 0)
    original = Attention.forward
    for on in calls:

        def counted(self: Attention, *inputs: torch.Tensor, on: bool = on) -> torch.Tensor:
            calls[on] += torch.is_grad_enabled()
            return original(self, *inputs)  # type: ignore[arg-type]

        monkeypatch.setattr(Attention, "forward", counted)
        params = changed(gradient_checkpointing=on)
        epochs(fresh_run(params), examples, 1, params)
    assert calls[True] == 2 * calls[False] > 0


@pytest.mark.parametrize(("precision", "kind"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_mixed_precision_computes_in_its_type_and_learns(
    examples: Sections, plain: Run, precision: str, kind: torch.dtype
) -> None:
    params = changed(mixed_precision=precision)
    run = fresh_run(params, dropout=0)
    seen = set()
    block = next(m for m in run.model.modules() if isinstance(m, SelfBlock))
    block.feed[0].register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    epochs(run, examples, 2, params)
    assert seen == {kind}
    assert run.scaler.is_enabled() == (precision == "fp16")
    assert losses_of(run) == pytest.approx(losses_of(plain), rel=0.1)
    assert all(w.dtype == torch.float32 for w in run.model.parameters())


@pytest.mark.slow
def test_a_compiled_model_has_the_same_losses_and_names(examples: Sections, plain: Run) -> None:
    run = trained(examples, compile_model=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert losses_of(run) == pytest.approx(losses_of(plain), rel=1e-3)
    assert run.model.state_dict().keys() == plain.model.state_dict().keys()


def test_workers_make_the_steps(examples: Sections) -> None:
    here, there = (list(load_steps(steps(examples), 1, workers)) for workers in (0, 2))
    assert len(there) == 1 and torch.equal(here[0][0].time_b, there[0][0].time_b)
    assert there[0][0].time_b.is_shared() and not here[0][0].time_b.is_shared()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["cut short", "No such file"])
def test_a_shard_that_cannot_be_read_is_one_line(tmp_path: Path, workers: int, damage: str) -> None:
    write_dataset(tmp_path / "raw", 10, 0)
    with ShardWriter(tmp_path / "packed") as writer:
        for place in find_places(tmp_path / "raw")["train"]:
            facts = {"nodes": 9, "width": 640, "height": 99}
            writer.add(place, facts)
    index = ShardIndex.read(tmp_path / "packed")
    packed = PackedSections(index, range(len(index)), TINY)
    shard = tmp_path / "packed" / "shard-000000.tar"
    if damage == "cut short":
        os.truncate(shard, 1000)
    else:
        shard.unlink()
    with pytest.raises((DltError, OSError), match=f"{damage}.*") as caught:
        list(load_steps(steps(packed), 0, workers))
    assert str(shard) in str(caught.value) and "\n" not in str(caught.value)


# --- health ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_a_loss_that_is_no_number_is_one_line(bad: str) -> None:
    for loss, norm in ((float(bad), 1.0), (1.0, float(bad))):
        with pytest.raises(DltError, match=r"step 0: .*learning rate 0.00\d.*train\.lr") as caught:
            check_loss(fresh_run(), loss, norm, 1)
        assert "\n" not in str(caught.value)


def test_a_loss_that_explodes_stops_the_run_and_one_that_jumps_does_not() -> None:
    run = fresh_run()
    for step in range(1, 100):
        check_loss(run, 40.0 if step == 50 else 2.0, 1.0, step)
    check_loss(run, 40.0, 1.0, 1)  # of other losses
    with pytest.raises(DltError, match="exploded"):
        for step in range(2, 200):
            check_loss(run, 1.0 if step < 30 else 400.0, 1.0, step)


def test_a_small_loss_may_rise() -> None:
    run = fresh_run()  # as of a model that was trained before, while the rate rises again
    for step in range(1, 200):
        check_loss(run, 0.04 if step < 30 else 0.4, 1.0, step)
    with pytest.raises(DltError, match="exploded"):
        for step in range(200, 400):
            check_loss(run, 40.0, 1.0, step)


def test_a_loss_that_explodes_at_once_stops_the_run_and_uneven_batches_do_not() -> None:
    uneven, exploding = fresh_run(), fresh_run()
    for step, loss in enumerate([0.5, 19.0, 7.0, 30.0], 1):
        check_loss(uneven, loss, 1.0, step)
    with pytest.raises(DltError, match="step 0: the loss exploded to 1.79e"):
        for step, loss in enumerate([14.0, 19.0, 400.0, 71005.0, 71005.0], 1):
            check_loss(exploding, loss, 1.0, step)


def test_a_gpu_that_waits_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for device in ("cpu", "cuda"):
        for share in (0.2, 0.4):
            warn_of_idle_gpu(Ranks(0, 1, torch.device(device)), share)
    said = capsys.readouterr().out
    assert said.splitlines() == [said.strip()] and "40%" in said


def test_no_memory_is_one_line_with_what_is_not_in_use_yet() -> None:
    line = r"memory: .*gradient_checkpointing=true.*batch_size=4 with"
    with pytest.raises(DltError, match=line), memory_in_one_line(changed()):
        torch.empty(2**52)
    few = changed(gradient_checkpointing=True, batch_size=1)
    with pytest.raises(DltError) as caught, memory_in_one_line(few):
        raise torch.OutOfMemoryError
    assert "checkpointing" not in str(caught.value) and "batch_size" not in str(caught.value)
    with pytest.raises(RuntimeError, match="another"), memory_in_one_line(changed()):
        raise RuntimeError("another")
