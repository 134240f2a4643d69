"""Placement: from what the network says of each node to where its box is.

As in CSS, a node has a border box and in it a content box, which is where its children are: what lies
side by side or below each other in it begins and ends where it does. Boxes are [B, N, 4]: centre and
size as fractions of the screenshot; their edges left, top, right, bottom. Axis suffixes: b section,
n node, p place, k number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs
from dlt.data.encode import NUM_PLACES
from dlt.model.boxes import between, edges, into_frames, of_parents, whole
from dlt.section.roles import DROP, LAYOUT_ROLES, MERGE, NODE_ROLES

_FLOW = 12  # numbers that `flow` takes
_OWN = (4 * NUM_PLACES, 4 * (NUM_PLACES + 2), 4)  # shifts, pulls, whether edges touch the frame's
_CONTENT = (4 * 2, 4 * 2, 4)  # the same of the content box
_MEET = 2  # whether a box begins where the one before it ends
_FIT = 2 * 2  # whether left and right edge are those of what is seen; the same of the content box
_PARTS = (_FLOW, *_OWN, *_CONTENT, _MEET, _FIT)
NUM_BOX_NUMBERS = sum(_PARTS)  # of a node: see `place_boxes`
_LESS_GAP = 3.0  # so much smaller than a node is a gap at first, as a logarithm
_MOST_LOG = 8.0
_SHIFT = 0.02  # widths of the screenshot that a shift of 1 is
_LEAVES = torch.tensor([role not in (*LAYOUT_ROLES, MERGE, DROP) for role in NODE_ROLES])


@dataclass(frozen=True)
class Siblings:
    """Which nodes share a parent: bool [B, N, N], column to row."""

    alike: Tensor  # a sibling or the node itself
    earlier: Tensor  # a sibling before the node
    previous: Tensor  # the last of these; of nodes alone, not of padding

    @classmethod
    def of(cls, parents: Tensor, node_mask: Tensor) -> "Siblings":
        """From parents [B, N] and the mask of nodes; the root has no siblings."""
        index = torch.arange(parents.shape[1], device=parents.device)
        real = node_mask & (index > 0)
        alike = (parents[:, :, None] == parents[:, None]) & real[:, None]
        earlier = alike & (index < index[:, None])
        last = torch.where(earlier, index, -1).amax(-1, keepdim=True)
        return cls(alike, earlier, earlier & (index == last) & real[..., None])


class Placement(NamedTuple):
    """Where boxes are."""

    boxes: Tensor  # float [B, N, 4]
    contents: Tensor  # float [B, N, 4]: the content boxes
    relative: Tensor  # float [B, N, 4]: as fractions of the parent's content box, by the flow alone
    touch_logits: Tensor  # float [B, N, 4]: that an edge is that of the parent's content box
    content_touch_logits: Tensor  # float [B, N, 4]: that a content box's edge is that of the box
    meet_logits: Tensor  # float [B, N, 2]: that it begins where the sibling before it ends
    fit_logits: Tensor  # float [B, N, 4]: that left and right, also of contents, are what is seen


@dataclass(frozen=True)
class Anchors:
    """What holds the edges of boxes, whatever their frames do."""

    held_bn4: Tensor  # the mean of the places that hold an edge, times their share
    free_bn4: Tensor  # the share of the place in the frame
    centred_bn4: Tensor  # the share of the same size about a centre of its own
    centre_bn2: Tensor
    seen_bn4: Tensor  # the edges of what is seen of the node
    fitting_bn4: Tensor  # how far an edge is drawn to these: 0 .. 1
    touching_bn4: Tensor  # how far an edge is drawn to that of the frame: 0 .. 1

    def hold(self, boxes: Tensor, frames: Tensor) -> Tensor:
        """Boxes by their places in their frames → boxes by all that holds them."""
        about = edges(torch.cat([self.centre_bn2, boxes[..., 2:]], dim=-1))
        held = self.held_bn4 + self.free_bn4 * edges(boxes) + self.centred_bn4 * about
        held = torch.lerp(held, self.seen_bn4, self.fitting_bn4)
        return between(torch.lerp(held, edges(frames), self.touching_bn4))


@dataclass(frozen=True)
class Pins:
    """Tops and bottoms that are known, since they go by what is seen of an element and by its role."""

    edges_bn2: Tensor
    pinned_bn1: Tensor  # whether: 0 .. 1

    def fasten(self, boxes: Tensor) -> Tensor:
        """Boxes by all else → boxes that end there along y."""
        left, top, right, bottom = edges(boxes).unbind(-1)
        ends_bn2 = torch.lerp(torch.stack([top, bottom], -1), self.edges_bn2, self.pinned_bn1)
        top, bottom = ends_bn2.unbind(-1)
        return between(torch.stack([left, top, right, bottom], -1))


@dataclass(frozen=True)
class Meeting:
    """Boxes that begin where the sibling before them ends."""

    previous_bnn: Tensor  # 1: column is the sibling before row
    share_bn2: Tensor  # how far both are drawn together, along x and y: 0 .. 1

    def close(self, boxes: Tensor) -> Tensor:
        """Boxes by all else → boxes without gaps between those that meet, in the middle."""
        low, high = edges(boxes).split(2, dim=-1)
        following_bnn = self.previous_bnn.transpose(1, 2)
        share_bn2 = self.share_bn2 * self.previous_bnn.sum(-1, keepdim=True)
        middle = (low + self.previous_bnn @ high) / 2
        high = torch.lerp(high, following_bnn @ middle, following_bnn @ share_bn2)
        return between(torch.cat([torch.lerp(low, middle, share_bn2), high], dim=-1))


@dataclass(frozen=True)
class Rules:
    """All that decides where boxes are besides the flow in their frames."""

    anchors: Anchors  # of boxes
    pins: Pins
    meeting: Meeting
    padding: Anchors  # of content boxes

    def settle(self, boxes: Tensor, frames: Tensor) -> Tensor:
        """Boxes by their places in their frames → boxes by all that holds them."""
        return self.meeting.close(self.pins.fasten(self.anchors.hold(boxes, frames)))


class Elements(NamedTuple):
    """What is thought of the roles of nodes, and what follows from a role."""

    roles_bnr: Tensor  # probabilities
    bearings_r2: Tensor  # as from `find_bearings`

    def pins(self, seen: "Seen", decide: bool) -> Pins:
        """Where elements end along y, of those that hold no others and are seen."""
        likely_bnr = self.roles_bnr.float()
        if decide:
            likely_bnr = F.one_hot(likely_bnr.argmax(-1), likely_bnr.shape[-1]).to(likely_bnr)
        leaves_bnr = likely_bnr * _LEAVES.to(likely_bnr)
        share_bn1 = leaves_bnr.sum(-1, keepdim=True)
        bearing_bn2 = leaves_bnr @ self.bearings_r2 / share_bn1.clamp(min=1e-3)
        ends_bn2 = seen.edges_bnp4[:, :, 0, 1::2] + bearing_bn2 / seen.aspect_b11
        return Pins(ends_bn2, share_bn1 * seen.there_bnp[..., :1])


def place_boxes(
    raw_bnk: Tensor,
    inputs: Inputs,
    siblings: Siblings,
    elements: Elements,
    known: tuple[Tensor, Tensor],
    decide: bool,
) -> Placement:
    """Boxes from NUM_BOX_NUMBERS numbers a node, with which the model says where they are.

    Each edge is a mean of several places: that by the flow in the parent's content box, the same
    moved to the centre of where grounding sees the node, and the edges of the boxes that grounding
    knows, each plus a shift. Or it is the same edge of the parent's content box: a mean of places
    would be a little off, so that siblings are not in line. An edge of a content box is that of the
    box plus a shift, or where grounding sees what the node holds, or the edge of the box itself. Left
    and right edges of both may also be just where something is seen.

    Along y, elements that hold no others end where they are seen, with their role's bearings. And
    siblings may meet: one begins where the other ends.

    Args:
        known: boxes [B, N, 4], and which of their coordinates are given.
        decide: edges touch or not, as in predictions; else by their probability, so that there are
            gradients.
    """
    with torch.autocast(raw_bnk.device.type, enabled=False):  # bf16 would be off by pixels
        flow_bnk, *parts, meet, fit = raw_bnk.float().split(_PARTS, -1)
        relative = flow(flow_bnk, inputs.parents, siblings)
        seen = Seen.of(inputs)
        own_fit, content_fit = fit.split(2, dim=-1)
        rules = Rules(
            anchors=_anchors(parts[:3], own_fit, seen, decide),
            pins=elements.pins(seen, decide),
            meeting=Meeting(siblings.previous.float(), _gate(meet, decide)),
            padding=_padding(parts[3:], content_fit, seen, decide),
        )
        boxes, contents = compose_boxes(relative, inputs.parents, *known, rules)
    return Placement(boxes, contents, relative, parts[2], parts[5], meet, fit)


@dataclass(frozen=True)
class Seen:
    """What grounding knows of B sections."""

    there_bnp: Tensor  # whether there is such a box: 0 or 1
    edges_bnp4: Tensor
    aspect_b11: Tensor  # of the screenshot: its height in widths

    @property
    def unit_b114(self) -> Tensor:
        """A shift of 1, along both axes."""
        aspect_b111 = self.aspect_b11[..., None]
        widths_b112 = torch.cat([torch.ones_like(aspect_b111), aspect_b111], dim=-1)
        return _SHIFT / widths_b112.repeat(1, 1, 1, 2)

    @classmethod
    def of(cls, inputs: Inputs) -> "Seen":
        """Unpack the grounding of sections; see `dlt.data.encode.Encoded`."""
        aspect_b11 = inputs.aspects[:, None, None]
        return cls(inputs.places[..., 0], inputs.places[..., 1:], aspect_b11)

    def shares(self, pull_bnk: Tensor, *places: Tensor) -> Tensor:
        """The share [B, N, P, 4] of each place in each edge, by its pull; 0 where it isn't there."""
        there_bnp = torch.cat([torch.ones_like(self.there_bnp[..., :1]), *places], dim=-1)
        pull_bnp4 = pull_bnk.unflatten(-1, (-1, 4))
        return pull_bnp4.masked_fill(there_bnp[..., None] == 0, float("-inf")).softmax(2)


def _anchors(numbers: Sequence[Tensor], fit: Tensor, seen: Seen, decide: bool) -> Anchors:
    """Of boxes: places are that in the frame, the same about another centre, and those known.

    Args:
        numbers: shifts, pulls, and whether edges touch.
    """
    shift, pull, touch = numbers
    shares = seen.shares(pull, seen.there_bnp[..., :1], seen.there_bnp)
    places = seen.edges_bnp4 + shift.unflatten(-1, (-1, 4)) * seen.unit_b114
    return Anchors(
        held_bn4=(shares[:, :, 2:] * places).sum(2),
        free_bn4=shares[:, :, 0],
        centred_bn4=shares[:, :, 1],
        centre_bn2=between(seen.edges_bnp4[:, :, 0])[..., :2],
        seen_bn4=seen.edges_bnp4[:, :, 0],
        fitting_bn4=_along_x(_gate(fit, decide)) * seen.there_bnp[..., :1],
        touching_bn4=_gate(touch, decide),
    )


def _padding(numbers: Sequence[Tensor], fit: Tensor, seen: Seen, decide: bool) -> Anchors:
    """Of content boxes: places are the edge of the box, and what the node is seen to hold.

    Args:
        numbers: as of `_anchors`.
    """
    shift, pull, touch = numbers
    shares = seen.shares(pull, seen.there_bnp[..., :1])
    shifts = (shares * shift.unflatten(-1, (-1, 4)) * seen.unit_b114).sum(2)
    return Anchors(
        held_bn4=shifts + shares[:, :, 1] * seen.edges_bnp4[:, :, 0],
        free_bn4=shares[:, :, 0],
        centred_bn4=torch.zeros_like(touch),
        centre_bn2=torch.zeros_like(touch[..., :2]),
        seen_bn4=seen.edges_bnp4[:, :, 0],
        fitting_bn4=_along_x(_gate(fit, decide)) * seen.there_bnp[..., :1],
        touching_bn4=_gate(touch, decide),
    )


def compose_boxes(
    relative: Tensor,
    parents: Tensor,
    boxes: Tensor,
    given: Tensor,
    rules: Rules | None = None,
) -> tuple[Tensor, Tensor]:
    """Boxes relative to the parent's content box → boxes, and content boxes.

    Works down the tree, one level a round. Where `given` [B, N, 4] holds, a coordinate is taken
    from `boxes` instead, and whatever lies below follows it. Without `rules` content boxes are the
    boxes themselves.
    """
    found = torch.where(given, boxes, whole(relative))
    contents = rules.padding.hold(found, found) if rules else found
    for _ in range(_depth(parents)):
        frames = of_parents(contents, parents)
        composed = into_frames(relative, frames)
        if rules:
            composed = rules.settle(composed, frames)
        composed = torch.cat([found[:, :1], composed[:, 1:]], dim=1)  # the root is the screenshot
        found = torch.where(given, boxes, composed)
        contents = rules.padding.hold(found, found) if rules else found
    return found, contents


def _depth(parents: Tensor) -> int:
    """The number of levels below the root in the deepest tree of a batch [B, N], at least 1."""
    depth, above = 0, parents
    while bool(above.any()):  # the root is index 0
        above = parents.gather(1, above)
        depth += 1
    return depth + 1


def _along_x(numbers_bn2: Tensor) -> Tensor:
    """Numbers of left and right edges → of all four, 0 for top and bottom."""
    return torch.stack([numbers_bn2, torch.zeros_like(numbers_bn2)], dim=-1).flatten(-2)


def _gate(logits: Tensor, decide: bool) -> Tensor:
    return (logits > 0).to(logits.dtype) if decide else logits.sigmoid()


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
