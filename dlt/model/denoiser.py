"""The denoiser: noised labels and boxes in, clean ones out, given the condition.

Axis suffixes: b section, n node, d model width, h head, r role, q prop.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlt.data.encode import NUM_RELATIONS
from dlt.model.condition import FEATURE_CHANNELS, Condition, relation_bias
from dlt.model.layers import HEAD_DIM, CrossBlock, KeyValue, fourier, mask_bias
from dlt.section.roles import NODE_PROPS, NODE_ROLES

NUM_ROLES = len(NODE_ROLES)
NUM_PROPS = len(NODE_PROPS)
MASK_ROLE = NUM_ROLES  # the absorbing state
MASK_PROP = NUM_PROPS
ATTRIBUTES = ("role", "prop", "position", "size")  # what can be given for a node

REGION_GRID = 4  # the screenshot is looked at in so many points a side around a box
_REGION_SCALE = 1.2  # of the box: its edges are seen from both sides
_FREQUENCIES = 6

MIN_SIZE = 0.005  # of a box that others are relative to
SIGNAL_SCALE = 2.0  # clean box coordinates lie in -2 .. 2 (DiffusionDet, Chen et al. 2023, table 3)


@dataclass(frozen=True)
class State:
    """Labels and boxes of B sections on their way from noise to clean."""

    roles: Tensor  # int64 [B, N], up to and including MASK_ROLE
    props: Tensor  # int64 [B, N], up to and including MASK_PROP
    boxes: Tensor  # float [B, N, 4]: centre and size, scaled by `scale_boxes`
    given: Tensor  # bool [B, N, 4], in the order of ATTRIBUTES
    guess: Tensor  # float [B, N, 4]: the last estimate of the boxes as fractions, or no_guess()

    def to(self, device: torch.device) -> "State":
        """The same on another device."""
        return State(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass(frozen=True)
class Estimate:
    """The denoiser's view of the clean state."""

    role_logits: Tensor  # float [B, N, NUM_ROLES]
    prop_logits: Tensor  # float [B, N, NUM_PROPS]
    boxes: Tensor  # float [B, N, 4]: centre and size as fractions of the screenshot
    relative: Tensor  # float [B, N, 4]: the same as fractions of the parent node's box


@dataclass(frozen=True)
class Memory:
    """What is computed once a section: biases, and keys and values of the condition by layer."""

    condition: Condition
    bias_bhnn: Tensor
    key_values: tuple[tuple[Tensor, Tensor], ...]


def scale_boxes(boxes: Tensor) -> Tensor:
    """Centre and size as fractions → -SIGNAL_SCALE .. SIGNAL_SCALE."""
    return (boxes * 2 - 1) * SIGNAL_SCALE


def unscale_boxes(boxes: Tensor) -> Tensor:
    """The inverse of `scale_boxes`, clipped to 0 .. 1."""
    return (boxes / SIGNAL_SCALE / 2 + 0.5).clamp(0, 1)


def no_guess(boxes: Tensor) -> Tensor:
    """The guess where there is no estimate yet: every box is the whole screenshot."""
    return torch.tensor([0.5, 0.5, 1.0, 1.0], device=boxes.device).expand_as(boxes)


def coordinates(given: Tensor) -> Tensor:
    """Which box coordinates are given: position twice, size twice; [B, N, 4] → [B, N, 4]."""
    return given[..., [2, 2, 3, 3]]


def compose_boxes(relative: Tensor, parents: Tensor, boxes: Tensor, given: Tensor) -> Tensor:
    """Boxes relative to the parent node's box → boxes as fractions of the screenshot.

    Works down the tree, one level a round. Where `given` [B, N, 4] holds, a coordinate is taken
    from `boxes` instead, and whatever lies below follows it.
    """
    parents = parents[..., None].expand_as(relative)
    frame = torch.tensor([0.5, 0.5, 1.0, 1.0], device=relative.device)
    out = torch.where(given, boxes, frame.expand_as(relative))
    for _ in range(_depth(parents[..., 0])):
        frame_centre, frame_size = out.gather(1, parents).split(2, dim=-1)
        centre = frame_centre + frame_size * (relative[..., :2] - 0.5)
        composed = torch.cat([centre, frame_size * relative[..., 2:]], dim=-1)
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


class RegionFeatures(nn.Module):
    """The screenshot's features in a grid of points around each box, as one vector.

    Looking at the screenshot where the boxes are thought to be follows DiffusionDet (Chen et al.
    2023).
    """

    offsets: Tensor

    def __init__(self, d_model: int):
        super().__init__()
        steps = torch.linspace(-0.5, 0.5, REGION_GRID) * _REGION_SCALE
        offsets = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).flatten(0, 1)
        self.register_buffer("offsets", offsets, persistent=False)
        self.project = nn.Linear(REGION_GRID**2 * FEATURE_CHANNELS, d_model)

    def forward(self, boxes_bn4: Tensor, condition: Condition) -> Tensor:
        """Return [B, N, D]; boxes are centre and size as fractions of the screenshot."""
        centre, size = boxes_bn4[..., None, :2], boxes_bn4[..., None, 2:]
        points = centre + size * self.offsets
        # grid_sample counts from -1 to 1 over the whole map, padding rows included
        visible = torch.ones(len(points), 1, 1, 2, device=points.device)
        visible[..., 1] = condition.visible_b[:, None, None]
        grid = (points * visible * 2 - 1).clamp(-2, 2)
        found = F.grid_sample(condition.features_bcyx, grid, align_corners=False)
        return self.project(found.permute(0, 2, 3, 1).flatten(2))


class Denoiser(nn.Module):
    """A transformer over nodes with attention to the condition; predicts the clean state."""

    def __init__(self, d_model: int, num_layers: int, dropout: float):
        super().__init__()
        self.role = nn.Embedding(NUM_ROLES + 1, d_model)
        self.prop = nn.Embedding(NUM_PROPS + 1, d_model)
        self.given = nn.Embedding(2 * len(ATTRIBUTES), d_model)
        self.box = nn.Linear(4 * 2 * _FREQUENCIES + 4, d_model)
        self.guess = nn.Linear(4 * 2 * _FREQUENCIES, d_model)
        self.region = RegionFeatures(d_model)
        self.time = nn.Sequential(
            nn.Linear(2 * _FREQUENCIES, d_model), nn.GELU(), nn.Linear(d_model, d_model)
        )
        self.relation = nn.Embedding(NUM_RELATIONS, d_model // HEAD_DIM)
        self.key_values = nn.ModuleList(KeyValue(d_model) for _ in range(num_layers))
        self.blocks = nn.ModuleList(CrossBlock(d_model, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, NUM_ROLES + NUM_PROPS + 4)

    def remember(self, condition: Condition) -> Memory:
        """Compute what all steps share."""
        return Memory(
            condition=condition,
            bias_bhnn=relation_bias(self.relation, condition.relations)
            + mask_bias(condition.node_mask),
            key_values=tuple(layer(condition.tokens_bmd) for layer in self.key_values),
        )

    def forward(self, state: State, time_b: Tensor, memory: Memory) -> Estimate:
        """One look at the noised state; `time_b` runs from 1 (noise) to 0 (clean)."""
        condition = memory.condition
        given = state.given.long() + 2 * torch.arange(len(ATTRIBUTES), device=time_b.device)
        boxes = unscale_boxes(state.boxes)
        x_bnd = (
            condition.nodes_bnd
            + self.role(state.roles)
            + self.prop(state.props)
            + self.given(given).sum(2)
            + self.box(torch.cat([fourier(boxes, _FREQUENCIES), state.boxes], dim=-1))
            + self.guess(fourier(state.guess, _FREQUENCIES))
            + self.region(state.guess, condition)
            + self.time(fourier(time_b[:, None], _FREQUENCIES))[:, None]
        )
        for block, key_value in zip(self.blocks, memory.key_values, strict=True):
            x_bnd = block(x_bnd, memory.bias_bhnn, key_value, condition.token_bias)
        roles, props, inset = self.head(self.norm(x_bnd)).split([NUM_ROLES, NUM_PROPS, 4], dim=-1)
        # most nodes fill their parent: that is what an output of 0 means
        relative = inset * 0.5 + torch.tensor([0.5, 0.5, 1.0, 1.0], device=inset.device)
        known = coordinates(state.given)
        return Estimate(
            roles, props, compose_boxes(relative, condition.parents, boxes, known), relative
        )
