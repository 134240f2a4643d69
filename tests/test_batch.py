"""Batches: every section once, and next to it sections of its size; some without their image."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlt.data.batch import collate_inputs, drop_images, hide, length_batches
from dlt.data.dice import Dice
from tests.test_model import sections

SIZES = st.lists(st.tuples(st.integers(1, 160), st.integers(8, 2560)), min_size=1, max_size=90)


def padding(sizes: list[int], batches: list[list[int]]) -> float:
    """The share of places that batches leave empty."""
    return 1 - sum(sizes) / sum(len(b) * max(sizes[i] for i in b) for b in batches)


@given(SIZES, st.integers(1, 20), st.integers(0, 3))
def test_each_section_is_in_one_batch(
    sizes: list[tuple[int, int]], batch_size: int, seed: int
) -> None:
    nodes, rows = zip(*sizes, strict=True)
    batches = length_batches(nodes, rows, batch_size, np.random.default_rng(seed))
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    lengths = sorted(len(batch) for batch in batches)
    assert lengths[-1] <= batch_size and len(batches) == -(-len(sizes) // batch_size)
    assert lengths[1:] == [batch_size] * (len(batches) - 1), "only one is not full"


def test_little_is_padding_and_batches_change() -> None:
    rng = np.random.default_rng(0)
    nodes, rows = ((np.exp(rng.normal(3.3, 0.7, 1600)) + 1).astype(int).tolist() for _ in range(2))
    found = [length_batches(nodes, rows, 16, np.random.default_rng(seed)) for seed in (0, 1)]
    for sizes in (nodes, rows):
        assert padding(sizes, found[0]) < 0.18, "although they have nothing to do with each other"
        assert padding(sizes, [list(range(i, i + 16)) for i in range(0, 1600, 16)]) > 0.5
    assert {frozenset(b) for b in found[0]} != {frozenset(b) for b in found[1]}


def test_a_share_of_the_sections_is_shown_without_image() -> None:
    own = [section.encoded for section in sections(6)]
    shown, hidden, some = (collate_inputs(own) for _ in range(3))
    drop_images(some, 0.5, Dice(0, 0, range(6)))
    hidden = hide(hidden, {"image"})
    drawn = (Dice(0, 0, range(6)).uniform() < 0.5).tolist()
    assert len(set(drawn)) == 2 and shown.grounding.any() and not hidden.grounding.any()
    for b, is_hidden in enumerate(drawn):
        wanted = hidden if is_hidden else shown
        assert torch.equal(some.images[b], wanted.images[b])
        assert torch.equal(some.grounding[b], wanted.grounding[b])
        assert torch.equal(some.looks[b], wanted.looks[b])
    assert torch.equal(some.tags, shown.tags)
