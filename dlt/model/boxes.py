"""Boxes: their frames, down and up the tree, and what holds them where they are.

Boxes are [..., 4]: centre x, centre y, width, height as fractions of the screenshot, unless said
otherwise. Axis suffixes: b section, n node.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from dlt.data.batch import Inputs

_FLOW = 12  # numbers that `flow` takes
NUM_BOX_NUMBERS = _FLOW + 2 * 4 + 4 * 4  # flow, two shifts, four pulls: see `place_boxes`
_LESS_GAP = 3.0  # so much smaller than a node is a gap at first, as a logarithm
_MOST_LOG = 8.0
_SHIFT = 0.02  # widths of the screenshot that a shift of 1 is

MIN_SIZE = 0.005  # of a box that others are relative to
SIGNAL_SCALE = 2.0  # clean box coordinates lie in -2 .. 2 (DiffusionDet, Chen et al. 2023, table 3)


def signal(time: Tensor) -> Tensor:
    """√ᾱ(t) of the cosine schedule; 1 at t = 0, 0 at t = 1."""
    return torch.cos(time.clamp(0, 1) * torch.pi / 2)


def scale_boxes(boxes: Tensor) -> Tensor:
    """Centre and size as fractions → -SIGNAL_SCALE .. SIGNAL_SCALE."""
    return (boxes * 2 - 1) * SIGNAL_SCALE


def unscale_boxes(boxes: Tensor) -> Tensor:
    """The inverse of `scale_boxes`, clipped to 0 .. 1."""
    return (boxes / SIGNAL_SCALE / 2 + 0.5).clamp(0, 1)


def whole(boxes: Tensor) -> Tensor:
    """Boxes of the same shape that are all the whole screenshot."""
    return torch.tensor([0.5, 0.5, 1.0, 1.0], device=boxes.device).expand_as(boxes)


@dataclass(frozen=True)
class Anchors:
    """What holds the edges of boxes in place, whatever their parents do."""

    edges_bn4: Tensor  # the mean of the places that hold an edge, times their share
    free_bn4: Tensor  # the share of the place in the parent
    centred_bn4: Tensor  # the share of the same size about a centre of its own
    centre_bn2: Tensor

    def hold(self, boxes: Tensor) -> Tensor:
        """Boxes [B, N, 4] by their places in the parents' → boxes by all that holds them."""
        about = edges(torch.cat([self.centre_bn2, boxes[..., 2:]], dim=-1))
        return between(self.edges_bn4 + self.free_bn4 * edges(boxes) + self.centred_bn4 * about)


def compose_boxes(
    relative: Tensor, parents: Tensor, boxes: Tensor, given: Tensor, anchors: Anchors | None = None
) -> Tensor:
    """Boxes relative to the parent node's box → boxes as fractions of the screenshot.

    Works down the tree, one level a round. Where `given` [B, N, 4] holds, a coordinate is taken
    from `boxes` instead, and whatever lies below follows it.
    """
    parents = parents[..., None].expand_as(relative)
    out = torch.where(given, boxes, whole(relative))
    for _ in range(_depth(parents[..., 0])):
        frame_centre, frame_size = out.gather(1, parents).split(2, dim=-1)
        centre = frame_centre + frame_size * (relative[..., :2] - 0.5)
        composed = torch.cat([centre, frame_size * relative[..., 2:]], dim=-1)
        if anchors:
            composed = anchors.hold(composed)
        composed = torch.cat([out[:, :1], composed[:, 1:]], dim=1)  # the root is the screenshot
        out = torch.where(given, boxes, composed)
    return out


def relative_boxes(boxes: Tensor, parents: Tensor) -> Tensor:
    """The inverse of `compose_boxes`; a parent's box counts as at least MIN_SIZE wide and high."""
    frame = boxes.gather(1, parents[..., None].expand_as(boxes))
    frame_size = frame[..., 2:].clamp(min=MIN_SIZE)
    centre = (boxes[..., :2] - frame[..., :2]) / frame_size + 0.5
    return torch.cat([centre, boxes[..., 2:] / frame_size], dim=-1)


def _depth(parents: Tensor) -> int:
    """The number of levels below the root in the deepest tree of a batch [B, N]."""
    depth, above = 0, parents
    while bool(above.any()):  # the root is index 0
        above = parents.gather(1, above)
        depth += 1
    return depth + 1


def edges(boxes: Tensor) -> Tensor:
    """Centre and size [..., 4] → low and high edges [..., 4]: left, top, right, bottom."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def between(edges_bn4: Tensor) -> Tensor:
    """The inverse of `edges`; a high edge below a low one makes a size of 0."""
    low, high = edges_bn4.split(2, dim=-1)
    return torch.cat([(low + high) / 2, (high - low).clamp(min=0)], dim=-1)


@dataclass(frozen=True)
class Siblings:
    """Which nodes share a parent: bool [B, N, N], column to row."""

    alike: Tensor  # a sibling or the node itself
    earlier: Tensor  # a sibling before the node

    @classmethod
    def of(cls, parents: Tensor, node_mask: Tensor) -> "Siblings":
        """From parents [B, N] and the mask of nodes; the root has no siblings."""
        index = torch.arange(parents.shape[1], device=parents.device)
        real = node_mask & (index > 0)
        alike = (parents[:, :, None] == parents[:, None]) & real[:, None]
        return cls(alike, alike & (index < index[:, None]))


def place_boxes(
    raw_bnk: Tensor,
    inputs: Inputs,
    siblings: Siblings,
    known: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Boxes from NUM_BOX_NUMBERS numbers a node, with which the model says where they are.

    Each edge is a mean of four places: that by the flow in the parent's box, the same moved to the
    centre of where grounding sees the node, the edge that it sees, and that of the frame around it,
    the last two plus a shift.

    Args:
        known: boxes [B, N, 4], and which of their coordinates are given.

    Returns:
        centre and size [B, N, 4] as fractions of the parent's box by the flow, and of the
        screenshot by all four.
    """
    flow_bnk, shift_bn4, frame_shift_bn4, pull_bnk = raw_bnk.split([_FLOW, 4, 4, 16], dim=-1)
    relative = flow(flow_bnk, inputs.parents, siblings)
    seen_bn1, seen_bn4, framed_bn1, frame_bn4, _ = inputs.grounding.split([1, 4, 1, 4, 1], dim=-1)
    aspect_b1 = inputs.aspects[:, None]
    widths_b14 = torch.stack([torch.ones_like(aspect_b1), aspect_b1], dim=-1).repeat(1, 1, 2)
    there_bn41 = torch.stack([torch.ones_like(seen_bn1), seen_bn1, seen_bn1, framed_bn1], dim=2)
    pull_bn44 = pull_bnk.unflatten(-1, (4, 4)).masked_fill(there_bn41 == 0, float("-inf"))
    free_bn4, centred_bn4, to_seen_bn4, to_frame_bn4 = pull_bn44.softmax(2).unbind(2)
    held_bn4 = to_seen_bn4 * (seen_bn4 + shift_bn4 * _SHIFT / widths_b14)
    held_bn4 = held_bn4 + to_frame_bn4 * (frame_bn4 + frame_shift_bn4 * _SHIFT / widths_b14)
    centre_bn2 = between(seen_bn4)[..., :2]
    anchors = Anchors(held_bn4, free_bn4, centred_bn4, centre_bn2)
    return relative, compose_boxes(relative, inputs.parents, *known, anchors)


def flow(raw_bnk: Tensor, parents: Tensor, siblings: Siblings) -> Tensor:
    """Boxes relative to the parent node's box, the way pages flow: [B, N, 4], centre and size.

    Along each axis a parent may lay its children one after the other: then they share its length by
    weights, with gaps before them and at the end. Or a child has its own place. A gate of the
    parent decides, softly. Weights are logarithms, so that a common scale, such as the size of a
    page's type, cancels out.
    """
    own_bn4, length_bn2, gap_bn2, end_bn2, gate_bn2 = raw_bnk.split([4, 2, 2, 2, 2], -1)
    length_bn2 = length_bn2.clamp(max=_MOST_LOG).exp()
    gap_bn2 = (gap_bn2 - _LESS_GAP).clamp(max=_MOST_LOG).exp()
    above = parents[..., None].expand_as(end_bn2)
    end_bn2 = (end_bn2 - _LESS_GAP).clamp(max=_MOST_LOG).exp().gather(1, above)
    taken_bn2 = length_bn2 + gap_bn2
    total_bn2 = siblings.alike.float() @ taken_bn2 + end_bn2
    start_bn2 = siblings.earlier.float() @ taken_bn2 + gap_bn2
    flowing = torch.cat([start_bn2 + length_bn2 / 2, length_bn2], -1) / total_bn2.repeat(1, 1, 2)
    own = whole(own_bn4) + own_bn4 * 0.5  # most nodes fill their parent: that is what 0 means
    gate = gate_bn2.gather(1, above).sigmoid().repeat(1, 1, 2)
    return gate * flowing + (1 - gate) * own
