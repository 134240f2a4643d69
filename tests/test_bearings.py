"""Bearings: what is around what is seen of an element, by role."""

from dataclasses import replace

import numpy as np
import pytest

from dlt.data.bearings import MIN_SEEN, find_bearings
from dlt.data.encode import Encoded
from dlt.section.roles import NODE_ROLES
from tests.test_model import TINY, sections

DIVIDER, HEADING = NODE_ROLES.index("divider"), NODE_ROLES.index("heading")


def seen_as(section: Encoded, role: int, bearing: tuple[float, float]) -> Encoded:
    """A section whose nodes are all elements of a role, twice as far from what is seen of them in the
    first third of the nodes; bearings in widths of the screenshot."""
    assert section.targets
    count, aspect = len(section.tags), section.image_height / TINY.image_width
    edges = np.tile(np.array([0.4, 0.5], np.float32), (count, 1))
    grounding = section.grounding.copy()
    grounding[:, 0], grounding[:, [2, 4]] = 1, edges
    off = np.array(bearing) * np.where(np.arange(count) < count // 3, 2, 1)[:, None] / aspect
    top, bottom = (edges + off).T
    boxes = section.targets.boxes.copy()
    boxes[:, 1], boxes[:, 3] = (top + bottom) / 2, bottom - top
    targets = replace(
        section.targets,
        roles=np.full(count, role),
        boxes=boxes,
        box_weights=np.ones(count, np.float32),
    )
    return replace(section, grounding=grounding, targets=targets)


def test_bearings_are_the_medians_of_their_role() -> None:
    found = [seen_as(s.encoded, DIVIDER, (-0.008, 0.006)) for s in sections(3)]
    bearings = find_bearings(found, TINY.image_width)
    assert bearings[DIVIDER] == pytest.approx([-0.008, 0.006], abs=1e-5)
    assert np.isnan(np.delete(bearings, DIVIDER, 0)).all()


def test_what_is_seen_elsewhere_does_not_count() -> None:
    (section,) = sections(1)
    away = seen_as(section.encoded, HEADING, (-0.1, -0.1))
    assert np.isnan(find_bearings([away], TINY.image_width)).all()


def test_a_role_that_is_hardly_seen_and_sections_without_labels_tell_nothing() -> None:
    section = seen_as(sections(1)[0].encoded, HEADING, (-0.004, 0.0))
    assert section.targets
    few = np.zeros(len(section.tags), np.float32)
    few[: MIN_SEEN - 1] = 1
    rare = replace(section, targets=replace(section.targets, box_weights=few))
    unlabelled = replace(section, targets=None)
    assert np.isnan(find_bearings([rare, unlabelled], TINY.image_width)).all()
