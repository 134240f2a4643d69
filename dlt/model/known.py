"""What is given of a section's labels, node by node; the rest is to be predicted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dlt.data.batch import TargetTensors
from dlt.model.denoiser import ATTRIBUTES
from dlt.section.errors import SectionError
from dlt.section.labels import Labels, node_boxes
from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, NODE_ROLES, ROOT_ROLE
from dlt.section.tree import Box, Structure, inside_screenshot

_BOXED = frozenset(("position", "size"))


@dataclass(frozen=True)
class Known:
    """Labels of N nodes, and which attributes of each are given (a subset of ATTRIBUTES).

    Labels that are not given may be anything. A position is the centre of a box. A node that starts
    no element can have the box of the element that it joins or lies in, as in training.
    """

    labels: Labels
    given: tuple[frozenset[str], ...]

    @classmethod
    def of(
        cls,
        structure: Structure,
        labels: Labels,
        attributes: Collection[str] = ATTRIBUTES,
        nodes: Collection[int] | None = None,
    ) -> "Known":
        """These attributes of lawful labels, of some nodes or of all; no boxes where there are none.

        A true box may reach over the edge of the screenshot, which validation lets pass; it ends there.

        Raises:
            SectionError: the labels break the label law.
        """
        own = frozenset(attributes)
        if labels.boxes is None:
            own -= _BOXED
        else:
            boxes, _ = node_boxes(structure.parents, labels)
            kept = (box if _is_box(box) else inside_screenshot(box) for box in boxes)
            labels = replace(labels, boxes=tuple(kept))
        chosen = range(len(structure)) if nodes is None else frozenset(nodes)
        none = frozenset[str]()
        return cls(labels, tuple(own if i in chosen else none for i in range(len(structure))))

    def check(self, structure: Structure) -> None:
        """See that labels of `structure` can agree with what is given.

        Raises:
            SectionError: none can; the message names the node.
        """
        labels = self.labels
        if not len(structure) == len(self.given) == len(labels.roles) == len(labels.props):
            raise SectionError(f"known: labels of {len(structure)} nodes expected")
        for i, names in enumerate(self.given):
            if unknown := names - set(ATTRIBUTES):
                raise SectionError(f"known: node {i}: no attribute {min(unknown)!r}")
            if names & _BOXED and not _is_box(labels.boxes[i] if labels.boxes else None):
                raise SectionError(f"known: node {i}: a box inside the screenshot expected")
        roles, props = self.roles, self.props
        for i, role in roles.items():
            if role not in NODE_ROLES or (role == ROOT_ROLE) != (i == 0):
                raise SectionError(f"known: node {i}: {role!r} is no role label that it can have")
            if role == MERGE and roles.get(structure.parents[i]) == DROP:
                raise SectionError(f"known: node {i}: merge under a dropped parent")
        for i, prop in props.items():
            if prop not in NODE_PROPS:
                raise SectionError(f"known: node {i}: unknown prop {prop!r}")
        taken = [prop for prop in props.values() if prop != NO_PROP]
        if len(taken) > len(set(taken)):
            raise SectionError("known: a prop stands on two nodes")

    @property
    def roles(self) -> dict[int, str]:
        """The given role labels by node."""
        return {i: self.labels.roles[i] for i, own in enumerate(self.given) if "role" in own}

    @property
    def props(self) -> dict[int, str]:
        """The given prop labels by node."""
        return {i: self.labels.props[i] for i, own in enumerate(self.given) if "prop" in own}

    @property
    def boxed(self) -> frozenset[int]:
        """The nodes of whose boxes anything is given."""
        return frozenset(i for i, own in enumerate(self.given) if own & _BOXED)

    def place(self, node: int, box: Box) -> Box:
        """A predicted box (corner and size) of a node with what is given of it, in the screenshot."""
        given = self.given[node] & _BOXED
        if not given or self.labels.boxes is None or (own := self.labels.boxes[node]) is None:
            return box
        if given == _BOXED:
            return own
        axes = [_along(box[a::2], own[a::2], "position" in given) for a in range(2)]
        return axes[0][0], axes[1][0], axes[0][1], axes[1][1]


def _is_box(box: Box | None) -> bool:
    if box is None:
        return False
    x, y, w, h = box
    slack = 1e-6
    return min(x, y, w, h) >= -slack and max(x + w, y + h) <= 1 + slack


def _along(found: Sequence[float], own: Sequence[float], centred: bool) -> tuple[float, float]:
    """Start and length along one axis, of which the centre or the length is given."""
    if centred:
        centre = own[0] + own[1] / 2
        length = min(found[1], 2 * centre, 2 * (1 - centre))
        return centre - length / 2, length
    centre = found[0] + found[1] / 2
    return min(max(centre - own[1] / 2, 0.0), 1 - own[1]), own[1]


def collate_known(
    known: Sequence[Known | None], nodes: int, device: torch.device
) -> tuple[TargetTensors, Tensor]:
    """As tensors padded to so many nodes: labels, and what of them is given [B, nodes, 4]."""
    shape = len(known), nodes
    roles, props = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    boxes, given = np.zeros((*shape, 4), np.float32), np.zeros((*shape, len(ATTRIBUTES)), bool)
    for b, own in enumerate(known):
        for i, names in enumerate(own.given if own else ()):
            given[b, i] = [attribute in names for attribute in ATTRIBUTES]
        if own is None:
            continue
        for i, role in own.roles.items():
            roles[b, i] = NODE_ROLES.index(role)
        for i, prop in own.props.items():
            props[b, i] = NODE_PROPS.index(prop)
        for i, box in enumerate(own.labels.boxes or ()):
            if own.given[i] & _BOXED and box is not None:
                x, y, w, h = box
                boxes[b, i] = x + w / 2, y + h / 2, w, h
    targets = TargetTensors(
        roles=torch.from_numpy(roles),
        owners=torch.zeros(shape, dtype=torch.int64),
        props=torch.from_numpy(props),
        boxes=torch.from_numpy(boxes),
        box_weights=torch.zeros(shape),
        contents=torch.from_numpy(boxes),
        content_weights=torch.zeros(shape),
    )
    return targets.to(device), torch.from_numpy(given).to(device)
