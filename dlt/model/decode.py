"""What the sampler returns of a section, as labels that obey the label law."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlt.model.known import Known
from dlt.model.lawful import lawful_props, lawful_roles
from dlt.section.labels import Labels
from dlt.section.roles import DROP, MERGE
from dlt.section.tree import Box, Structure

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Scores:
    """One section's rows of `dlt.model.sampler.Sampled`; rows after its nodes are padding."""

    roles: Floats
    props: Floats
    owners: Floats
    below: Floats
    boxes: Floats
    role_probs: Floats


Decoder = Callable[[Structure, Scores, Known | None], Labels]
"""Makes lawful labels of scores."""


def decode(structure: Structure, scores: Scores, known: Known | None = None) -> Labels:
    """The likeliest lawful labels around what is known (and checked), which stays as it is."""
    count = len(structure)
    given = known.roles if known else None
    joint = scores.owners[:count], scores.below
    roles = lawful_roles(structure.parents, scores.roles[:count], joint, given)
    props = lawful_props(scores.props[:count], known.props if known else None)
    return Labels(tuple(roles), tuple(props), element_boxes(roles, scores, known))


def element_boxes(
    roles: Sequence[str], scores: Scores, known: Known | None = None
) -> tuple[Box | None, ...]:
    """The boxes of the nodes that start an element."""
    boxes: list[Box | None] = [None] * len(roles)
    for i, role in enumerate(roles):
        if role not in (MERGE, DROP):
            box = _corner_box(scores.boxes[i].tolist())
            boxes[i] = known.place(i, box) if known else box
    return tuple(boxes)


def _corner_box(box: list[float]) -> Box:
    """Centre and size → corner and size, inside the screenshot, rounded."""
    x, y, w, h = box
    left, top = (round(max(low, 0.0), 4) for low in (x - w / 2, y - h / 2))
    right, bottom = (round(min(high, 1.0), 4) for high in (x + w / 2, y + h / 2))
    return left, top, round(right - left, 4), round(bottom - top, 4)
