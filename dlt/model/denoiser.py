"""The denoiser: noised labels and boxes in, clean ones out, given the condition.

Axis suffixes: b section, n node, d model width, h head, r role, q prop.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from dlt.data.encode import NUM_RELATIONS
from dlt.model.boxes import (
    EdgeFinder,
    Edges,
    FlowBoxes,
    RegionFeatures,
    Siblings,
    boxes_between,
    compose_boxes,
    relative_boxes,
    signal,
    unscale_boxes,
)
from dlt.model.condition import (
    NUM_PROPS,
    NUM_ROLES,
    Condition,
    relation_bias,
    run_block,
)
from dlt.model.layers import HEAD_DIM, CrossBlock, KeyValue, fourier, mask_bias

MASK_ROLE = NUM_ROLES  # the absorbing state
MASK_PROP = NUM_PROPS
ATTRIBUTES = ("role", "prop", "position", "size")  # what can be given for a node

_FREQUENCIES = 6


@dataclass(frozen=True)
class State:
    """Labels and boxes of B sections on their way from noise to clean."""

    roles: Tensor  # int64 [B, N], up to and including MASK_ROLE
    props: Tensor  # int64 [B, N], up to and including MASK_PROP
    boxes: Tensor  # float [B, N, 4]: centre and size, scaled by `scale_boxes`
    given: Tensor  # bool [B, N, 4], in the order of ATTRIBUTES
    guess: Tensor  # float [B, N, 4]: the last estimate of the boxes as fractions; at first `whole`

    def to(self, device: torch.device) -> "State":
        """The same on another device."""
        return State(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass(frozen=True)
class Estimate:
    """The denoiser's view of the clean state."""

    role_logits: Tensor  # float [B, N, NUM_ROLES]
    prop_logits: Tensor  # float [B, N, NUM_PROPS]
    boxes: Tensor  # float [B, N, 4]: centre and size as fractions of the screenshot
    coarse: Tensor  # float [B, N, 4]: the same before the edges were looked for
    relative: Tensor  # float [B, N, 4]: `coarse` as fractions of the parent node's box
    edges: tuple[Edges, Edges]  # what `boxes` lie between, along x and along y


@dataclass(frozen=True)
class Memory:
    """What is computed once a section: biases, and keys and values of the condition by layer."""

    condition: Condition
    bias_bhnn: Tensor
    key_values: tuple[tuple[Tensor, Tensor], ...]
    siblings: Siblings
    borders: tuple[Tensor, Tensor]  # see EdgeFinder.look


def coordinates(given: Tensor) -> Tensor:
    """Which box coordinates are given: position twice, size twice; [B, N, 4] → [B, N, 4]."""
    return given[..., [2, 2, 3, 3]]


class Denoiser(nn.Module):
    """A transformer over nodes with attention to the patches; predicts the clean state."""

    recompute = False  # see `run_block`

    def __init__(self, d_model: int, num_layers: int, dropout: float):
        super().__init__()
        self.role = nn.Embedding(NUM_ROLES + 1, d_model)
        self.prop = nn.Embedding(NUM_PROPS + 1, d_model)
        self.given = nn.Embedding(2 * len(ATTRIBUTES), d_model)
        self.box = nn.Linear(6 * 2 * _FREQUENCIES + 4, d_model)
        self.guess = nn.Linear(6 * 2 * _FREQUENCIES + 4, d_model)
        self.region = RegionFeatures(d_model)
        self.time = nn.Sequential(
            nn.Linear(2 * _FREQUENCIES, d_model), nn.GELU(), nn.Linear(d_model, d_model)
        )
        self.relation = nn.Embedding(NUM_RELATIONS, d_model // HEAD_DIM)
        self.key_values = nn.ModuleList(KeyValue(d_model) for _ in range(num_layers))
        self.blocks = nn.ModuleList(CrossBlock(d_model, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.labels = nn.Linear(d_model, NUM_ROLES + NUM_PROPS)
        self.flow = FlowBoxes(d_model)
        self.edges = EdgeFinder(d_model)

    def remember(self, condition: Condition) -> Memory:
        """Compute what all steps share."""
        return Memory(
            condition=condition,
            bias_bhnn=relation_bias(self.relation, condition.relations)
            + mask_bias(condition.node_mask),
            key_values=tuple(layer(condition.patches_bpd) for layer in self.key_values),
            siblings=Siblings.of(condition.parents, condition.node_mask),
            borders=self.edges.look(condition.picture),
        )

    def forward(self, state: State, time_b: Tensor, memory: Memory) -> Estimate:
        """One look at the noised state; `time_b` runs from 1 (noise) to 0 (clean)."""
        condition = memory.condition
        given = state.given.long() + 2 * torch.arange(len(ATTRIBUTES), device=time_b.device)
        boxes, known = unscale_boxes(state.boxes), coordinates(state.given)
        frame = relative_boxes(state.guess, condition.parents).clamp(-1, 2)
        # scaled by its signal: at time 1 there is nothing but noise in it
        noised = torch.cat([_waves(boxes, condition), state.boxes], dim=-1)
        x_bnd = (
            condition.nodes_bnd
            + self.role(state.roles)
            + self.prop(state.props)
            + self.given(given).sum(2)
            + signal(time_b)[:, None, None] * self.box(noised)
            + self.guess(torch.cat([_waves(state.guess, condition), frame], dim=-1))
            + self.region(state.guess, condition.picture)
            + self.time(fourier(time_b[:, None], _FREQUENCIES))[:, None]
        )
        for block, key_value in zip(self.blocks, memory.key_values, strict=True):
            context = (memory.bias_bhnn, key_value, condition.patch_bias)
            x_bnd = run_block(block, self.recompute, x_bnd, *context)
        x_bnd = self.norm(x_bnd)
        revised = torch.cat(condition.proposal, dim=-1) + self.labels(x_bnd)
        roles, props = revised.split([NUM_ROLES, NUM_PROPS], dim=-1)
        relative = self.flow(x_bnd, condition.parents, memory.siblings)
        coarse = compose_boxes(relative, condition.parents, boxes, known)
        rows_b = condition.picture.rows_b
        found = self.edges(x_bnd, coarse, state.guess, memory.borders, rows_b)
        # the root is the screenshot
        fine = torch.cat([coarse[:, :1], boxes_between(*found)[:, 1:]], dim=1)
        fine = torch.where(known, boxes, fine)
        return Estimate(roles, props, fine, coarse, relative, found)


def _waves(boxes: Tensor, condition: Condition) -> Tensor:
    """Fourier features of boxes, of places and heights in units of the screenshot's width, too."""
    in_widths = boxes[..., 1::2] * condition.aspect_b[:, None, None]
    return fourier(torch.cat([boxes, in_widths], dim=-1), _FREQUENCIES)
