"""`auto` batches: as few parts as there is memory for, and the same training."""

import pytest
import torch

from dlt.data.labelled import Sections
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.params import Phase
from dlt.train import memory
from dlt.train.distributed import Ranks
from tests.test_model import TINY, sections
from tests.test_switches import changed
from tests.test_train import ALONE, epochs, fresh_run, losses_of


@pytest.fixture(scope="module")
def examples() -> Sections:
    """Ten sections."""
    return Sections(sections(10))


def kept(examples: Sections, **values: object) -> int:
    """Bytes that a forward pass keeps for an example."""
    torch.manual_seed(0)
    return memory.kept_bytes(LayoutModel(TINY), changed(**values), examples)


@pytest.mark.parametrize(
    ("batch", "room", "parts"), [(16, 160, 1), (16, 159, 2), (12, 45, 3), (7, 60, 7), (16, 0, 16)]
)
def test_a_batch_has_the_fewest_equal_parts_that_fit(batch: int, room: int, parts: int) -> None:
    assert memory.fewest_parts(batch, 10, room) == parts


def test_what_is_kept_follows_the_largest_sections_and_the_switches(examples: Sections) -> None:
    small = Sections([examples[int(examples.nodes.argmin())]] * 2)
    assert 0 < kept(small) < kept(examples) == kept(examples)
    assert kept(examples, gradient_checkpointing=True) < kept(examples)
    assert kept(examples, mixed_precision="bf16") < kept(examples)


def test_auto_divides_the_batch_by_the_memory_and_says_why(
    examples: Sections, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = changed(batch_size=8)
    auto = Phase(model=TINY, train=changed(batch_size=8, gradient_accumulation="auto"))
    assert memory.divide_batch(auto, examples, ALONE) == plain.model_copy(
        update={"gradient_accumulation": 1}
    )
    weights = memory.BYTES_A_WEIGHT * count_parameters(LayoutModel(TINY))
    three = weights + int(3.5 * kept(examples) / memory.ROOM)
    monkeypatch.setattr(memory, "free_bytes", lambda device: three)
    train = memory.divide_batch(auto, examples, ALONE)
    assert (train.batch_size, train.gradient_accumulation) == (2, 4)
    assert "gradient_accumulation 4, of 2 examples" in capsys.readouterr().out
    fixed = Phase(model=TINY, train=plain)
    assert memory.divide_batch(fixed, examples, ALONE) is plain


def test_a_divided_batch_trains_as_the_whole_one(examples: Sections) -> None:
    whole, parts = (
        changed(batch_size=8, gradient_accumulation="auto"),
        changed(batch_size=2, gradient_accumulation=4),
    )
    runs = [fresh_run(params, dropout=0) for params in (whole, parts)]
    assert runs[0].step_size == runs[1].step_size == 8
    losses = [
        losses_of(epochs(run, examples, 2, params))
        for run, params in zip(runs, (whole, parts), strict=True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_ranks_of_one_machine_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Ranks(0, 4, torch.device("cpu")).device
    alone = memory.free_bytes(cpu)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert memory.free_bytes(cpu) == pytest.approx(alone / 4, rel=0.2)
