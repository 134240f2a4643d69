"""Distances between elements: what relates to what, what training shows, boxes that agree with it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dlt.grounding.rectangles import WIDTH
from dlt.model.known import Known
from dlt.predict import Predictor
from dlt.section.labels import Labels, contract
from dlt.section.roles import ROLES
from dlt.section.tree import Box, Node, Structure
from dlt.spacing.relations import find_relations
from dlt.spacing.settle import settle
from dlt.spacing.spacings import LEAST, MOST, Spacings, find_spacings
from dlt.train.fit import spacings_of
from tests.strategies import labelled
from tests.test_model import TINY, model, sections

HEIGHT = 320.0
ASPECT = HEIGHT / WIDTH
SPACINGS = spacings_of(sections(20), TINY.image_width)


def page(roles: list[str], parents: list[int], boxes: list[Box | None]) -> tuple[Structure, Labels]:
    """A section and its labels, from boxes in px: left, top, right, bottom."""
    structure = Structure(tuple(Node("div", parent) for parent in parents))
    placed = tuple(
        box
        and (
            box[0] / WIDTH,
            box[1] / HEIGHT,
            (box[2] - box[0]) / WIDTH,
            (box[3] - box[1]) / HEIGHT,
        )
        for box in boxes
    )
    return structure, Labels(tuple(roles), ("none",) * len(roles), placed)


def stack(*edges: tuple[float, float], role: str = "heading") -> tuple[Structure, Labels]:
    """A section of elements one below the other, by their tops and bottoms in px."""
    roles = ["section", *[role] * len(edges)]
    boxes: list[Box | None] = [(0, 0, WIDTH, HEIGHT)]
    boxes += [(40, top, 600, bottom) for top, bottom in edges]
    return page(roles, [-1] + [0] * len(edges), boxes)


def edges_of(labels: Labels) -> list[tuple[float, float]]:
    """Tops and bottoms in px of all elements but the section."""
    assert labels.boxes
    return [(box[1] * HEIGHT, (box[1] + box[3]) * HEIGHT) for box in labels.boxes[1:] if box]


def kinds_of(structure: Structure, labels: Labels) -> dict[tuple[int, int], str]:
    """The kinds of all relations of a layout."""
    layout = contract(structure, labels)
    assert layout.boxes
    boxes = np.array(layout.boxes)
    boxes[:, 2:] += boxes[:, :2]
    return {(r.first, r.second): r.kind for r in find_relations(layout.elements, boxes)}


def test_one_below_the_other() -> None:
    assert kinds_of(*stack((20, 40), (50, 90))) == {
        (2, 5): "margins/section/stack/leaf",
        (0, 2): "above/section/stack/leaf",
        (5, 1): "below/section/stack/leaf",
        (3, 4): "gap/section/stack/leaf",
    }


def test_side_by_side() -> None:
    columns: list[Box | None] = [(0, 10, 300, 200), (300, 10, 640, 200)]
    example = page(
        ["section", "column", "column", "divider"],
        [-1, 0, 0, 0],
        [(0, 0, WIDTH, HEIGHT), *columns, (0, 250, WIDTH, 260)],
    )
    kinds = kinds_of(*example)
    assert kinds[2, 4] == "tops/section/rows/column"
    assert kinds[3, 5] == "bottoms/section/rows/column"
    assert kinds[3, 6] == "gap/section/rows/leaf"
    assert {pair for pair, kind in kinds.items() if kind.startswith("above")} == {(0, 2), (0, 4)}
    assert {pair for pair, kind in kinds.items() if kind.startswith("below")} == {(7, 1)}


def test_distances_are_counted_and_what_was_seen_is_cheap() -> None:
    many = [stack((20, 40), (50, 90), (100, 300))] * 3
    spacings = find_spacings((*example, ASPECT) for example in many)
    assert spacings.counts["gap/section/stack/leaf"] == {10: 6}
    assert spacings.counts["above/section/stack/leaf"] == {20: 3}
    assert spacings.counts["margins/section/stack/leaf"] == {0: 3}
    costs = spacings.costs("gap/section/stack/leaf")
    assert costs is not None and costs.argmin() == 10 - LEAST
    assert np.exp(-costs).sum() == pytest.approx(1, abs=0.01)
    # of another kind, what is known of gaps at all; of what was never seen, nothing
    assert spacings.costs("gap/column/stack/leaf") is spacings.costs("gap")
    assert spacings.costs("tops/grid/rows/column") is None


def test_sections_without_boxes_tell_nothing() -> None:
    structure, labels = stack((20, 40))
    spacings = find_spacings([(structure, replace(labels, boxes=None), ASPECT)])
    assert spacings == Spacings(counts={})
    seen = np.ones(len(structure), bool)
    assert settle(structure, labels, ASPECT, seen, spacings) == labels


@pytest.mark.parametrize(
    "counts",
    [
        {"gap/a/b/c": {}},
        {"gap/a/b/c": {10: 0}},
        {"gap/a/b/c": {10: 10**23}},
        {"gap/a/b/c": {161: 1}},
        {"gap": {10: 1}},
        {"/".join("a" * 5000): {10: 1}},
        {f"gap/a/b/{'x' * i}": {1: 1} for i in range(1, 1002)},
    ],
)
def test_spacings_from_elsewhere_are_checked(counts: dict[str, dict[int, int]]) -> None:
    with pytest.raises(ValidationError):
        Spacings.model_validate({"counts": counts})


def test_a_file_of_spacings_holds_all() -> None:
    assert Spacings.model_validate_json(SPACINGS.model_dump_json()) == SPACINGS
    assert all(LEAST <= distance <= MOST for own in SPACINGS.counts.values() for distance in own)


def gaps_of_ten() -> Spacings:
    """What is learnt from stacks with gaps of 10 px, and anything above and below them."""
    examples = [
        stack((top, top + 30), (top + 40, top + 90), (top + 100, top + 150)) for top in range(170)
    ]
    return find_spacings((*example, ASPECT) for example in examples)


def test_what_is_not_seen_fills_the_place_that_is_left() -> None:
    structure, labels = stack((20, 50), (100, 130), (230, 290))
    seen = np.array([True, True, False, True])
    found = edges_of(settle(structure, labels, ASPECT, seen, gaps_of_ten()))
    assert np.abs(np.array(found) - [(20, 50), (60, 220), (230, 290)]).max() < 1


def test_edges_that_are_a_little_off_come_into_line() -> None:
    structure, labels = stack((22, 51), (62, 90), (102, 153))
    found = edges_of(settle(structure, labels, ASPECT, np.ones(4, bool), gaps_of_ten()))
    gaps = [below[0] - above[1] for above, below in pairwise(found)]
    assert gaps == pytest.approx([10, 10], abs=0.1)
    assert np.abs(np.array(found) - [(22, 51), (62, 90), (102, 153)]).max() < 3


@pytest.mark.parametrize("gap", [100, 150, 155, 170, 200])
def test_long_distances_that_occur_are_left_alone(gap: int) -> None:
    examples = [stack((10, 20), (20 + other, 300)) for other in range(0, 270, 3)]
    spacings = find_spacings((*example, ASPECT) for example in examples)
    structure, labels = stack((10.0, 20.0), (20.0 + gap, 300.0))
    found = edges_of(settle(structure, labels, ASPECT, np.ones(3, bool), spacings))
    assert np.abs(np.array(found) - [(10, 20), (20 + gap, 300)]).max() <= 2


@settings(max_examples=80, deadline=None)
@given(labelled(), st.data())
def test_only_tops_and_bottoms_move_and_what_is_fixed_stays(
    example: tuple[Structure, Labels], data: st.DataObject
) -> None:
    structure, labels = example
    if labels.boxes:  # as a model has them: inside the screenshot
        inside = (b and (b[0], b[1], b[2] * (1 - b[0]), b[3] * (1 - b[1])) for b in labels.boxes)
        labels = replace(labels, boxes=tuple(inside))
    nodes = range(len(structure))
    seen = np.array([data.draw(st.booleans()) for _ in nodes])
    fixed = data.draw(st.sets(st.sampled_from(nodes)))
    found = settle(structure, labels, 0.5, seen, SPACINGS, fixed)
    assert (found.roles, found.props) == (labels.roles, labels.props)
    assert (found.boxes is None) == (labels.boxes is None)
    for i, (before, after) in enumerate(zip(labels.boxes or (), found.boxes or (), strict=True)):
        assert (after is None) == (labels.roles[i] not in ROLES)
        if before and after:
            assert (before[0], before[2]) == (after[0], after[2])
            assert after[1] >= 0 and after[3] >= 0 and after[1] + after[3] <= 1 + 1e-6
            if i in fixed or i == 0:
                assert before == after


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_settled_boxes_can_be_given_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.random((3, 2)), axis=1) * HEIGHT
    structure, labels = stack(*map(tuple, ends.tolist()))
    found = settle(structure, labels, ASPECT, rng.random(4) < 0.5, SPACINGS)
    Known.of(structure, found).check(structure)


@pytest.mark.parametrize("part", ["image", "text"])
def test_what_is_hidden_from_the_model_moves_no_box(part: str) -> None:
    (section,) = sections(1)
    hidden = model()
    hidden.encoder.hidden = frozenset([part])
    predictor = Predictor(hidden, TINY, spacings=SPACINGS)
    unseen = replace(section.encoded, grounding=np.zeros_like(section.encoded.grounding))
    (with_it,) = predictor.predict_sections([section.structure], [section.encoded], ["site"])
    (without,) = predictor.predict_sections([section.structure], [unseen], ["site"])
    assert with_it.boxes == without.boxes


def test_true_boxes_hardly_move() -> None:
    off = []
    for section in sections(20):
        aspect = section.encoded.image_height / TINY.image_width
        seen = section.encoded.grounding[:, 0] > 0
        found = settle(section.structure, section.truth, aspect, seen, SPACINGS)
        for before, after in zip(section.truth.boxes or (), found.boxes or (), strict=True):
            if before and after:
                off.append(abs(after[1] - before[1]) * aspect * WIDTH)
    assert np.median(off) < 0.6 and np.mean(off) < 1.5
