"""What the sampler returns of a section, as labels that obey the label law."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dlt.model.known import Known
from dlt.model.lawful import lawful_props, lawful_roles
from dlt.section.labels import Labels
from dlt.section.roles import DROP, MERGE, NODE_ROLES, ROLES
from dlt.section.tree import Box, Structure

_DOUBT = 0.1  # of nodes of one path sharing a role, against each given node that shows it

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


def echo(structure: Structure, scores: Scores, known: Known) -> Scores:
    """The scores with what given roles tell about open nodes of the same path of selectors.

    Sections repeat themselves: what a person says of one card holds for the others. A path's roles
    are a draw from a Dirichlet prior of weight _DOUBT; what it predicts after the given ones
    multiplies the model's probabilities.
    """
    count = len(structure)
    path: list[int] = []
    seen: dict[tuple[int, str], int] = {}
    for node in structure.nodes:
        above = path[node.parent] if path else -1
        path.append(seen.setdefault((above, node.selector), len(seen)))
    shown = np.full((len(seen), len(NODE_ROLES)), _DOUBT / len(NODE_ROLES))
    for node_index, role in known.roles.items():
        shown[path[node_index], NODE_ROLES.index(role)] += 1
    told = (shown / shown.sum(axis=1, keepdims=True))[path]
    told[list(known.roles)] = 1
    probs = scores.role_probs[:count] * told
    return replace(
        scores,
        roles=scores.roles[:count] + np.log(told),
        owners=scores.owners[:count] + np.log(told[:, : len(ROLES)]),
        role_probs=probs / probs.sum(axis=1, keepdims=True),
    )


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
