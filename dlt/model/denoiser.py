"""The denoiser: noised labels and boxes in, clean ones out, given the condition.

Axis suffixes: b section, n node, d model width, h head, r role, q prop.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlt.data.batch import Movable
from dlt.data.encode import NUM_RELATIONS
from dlt.model.boxes import of_parents, relative_boxes, signal, unscale_boxes
from dlt.model.condition import (
    NUM_OWNERS,
    NUM_PROPS,
    NUM_ROLES,
    Condition,
    relation_bias,
    run_block,
)
from dlt.model.layers import HEAD_DIM, CrossBlock, KeyValue, fourier, mask_bias
from dlt.model.placement import NUM_BOX_NUMBERS, Elements, Placement, place_boxes
from dlt.model.regions import RegionFeatures

MASK_ROLE = NUM_ROLES  # the absorbing state
MASK_PROP = NUM_PROPS
ATTRIBUTES = ("role", "prop", "position", "size")  # what can be given for a node

_FREQUENCIES = 6


@dataclass(frozen=True)
class State(Movable):
    """Labels and boxes of B sections on their way from noise to clean."""

    roles: Tensor  # int64 [B, N], up to and including MASK_ROLE
    props: Tensor  # int64 [B, N], up to and including MASK_PROP
    boxes: Tensor  # float [B, N, 4]: centre and size, scaled by `scale_boxes`
    given: Tensor  # bool [B, N, 4], in the order of ATTRIBUTES
    guess: Tensor | None = None  # float [B, N, 4]: the last estimate of the boxes as fractions


@dataclass(frozen=True)
class Estimate:
    """The denoiser's view of the clean state."""

    role_logits: Tensor  # float [B, N, NUM_ROLES]
    prop_logits: Tensor  # float [B, N, NUM_PROPS]
    owner_scores: Tensor  # float [B, N, NUM_OWNERS]
    below_scores: Tensor  # float [NUM_OWNERS, NUM_LINKS]
    placed: Placement

    @property
    def boxes(self) -> Tensor:
        """Float [B, N, 4]: centre and size as fractions of the screenshot."""
        return self.placed.boxes


@dataclass(frozen=True)
class Memory:
    """What is computed once a section: biases, and keys and values of the condition by layer."""

    condition: Condition
    bias_bhnn: Tensor
    key_values: tuple[tuple[Tensor, Tensor], ...]


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
            nn.Linear(2 * _FREQUENCIES, d_model // 2), nn.GELU(), nn.Linear(d_model // 2, d_model)
        )
        self.relation = nn.Embedding(NUM_RELATIONS, d_model // HEAD_DIM)
        self.key_values = nn.ModuleList(KeyValue(d_model) for _ in range(num_layers))
        self.blocks = nn.ModuleList(CrossBlock(d_model, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.labels = nn.Linear(d_model, NUM_ROLES + NUM_PROPS + NUM_OWNERS)
        self.boxes = nn.Linear(d_model, NUM_BOX_NUMBERS)

    def remember(self, condition: Condition) -> Memory:
        """Compute what all steps share."""
        return Memory(
            condition=condition,
            bias_bhnn=relation_bias(self.relation, condition.inputs.relations)
            + mask_bias(condition.inputs.node_mask),
            key_values=tuple(layer(condition.patches_bpd) for layer in self.key_values),
        )

    def forward(self, state: State, time_b: Tensor, memory: Memory) -> Estimate:
        """One look at the noised state; `time_b` runs from 1 (noise) to 0 (clean)."""
        condition = memory.condition
        boxes, known = unscale_boxes(state.boxes), coordinates(state.given)
        guess = condition.proposal.placed.boxes.clamp(0, 1) if state.guess is None else state.guess
        x_bnd = self._embed(state, boxes, torch.where(known, boxes, guess), time_b, condition)
        for block, key_value in zip(self.blocks, memory.key_values, strict=True):
            context = (memory.bias_bhnn, key_value, condition.patch_bias)
            x_bnd = run_block(block, self.recompute, x_bnd, *context)
        x_bnd = self.norm(x_bnd)
        return _revised(condition, state, self.labels(x_bnd), self.boxes(x_bnd), not self.training)

    def _embed(
        self, state: State, boxes: Tensor, guess: Tensor, time_b: Tensor, condition: Condition
    ) -> Tensor:
        """What each node brings to the blocks [B, N, D]; `boxes` are the state's, as fractions."""
        given = state.given.long() + 2 * torch.arange(len(ATTRIBUTES), device=time_b.device)
        noised = torch.cat([_waves(boxes, condition), state.boxes], dim=-1)
        frame = relative_boxes(guess, of_parents(guess, condition.inputs.parents)).clamp(-1, 2)
        return (
            condition.nodes_bnd
            + self.role(state.roles)
            + self.prop(state.props)
            + self.given(given).sum(2)
            # scaled by its signal: at time 1 there is nothing but noise in it
            + signal(time_b)[:, None, None] * self.box(noised)
            + self.guess(torch.cat([_waves(guess, condition), frame], dim=-1))
            + self.region(guess, condition.picture)
            + self.time(fourier(time_b[:, None], _FREQUENCIES))[:, None]
        )


def unrevised(condition: Condition, state: State) -> Estimate:
    """What the encoder proposes of the clean state around what is given: the answer of no step."""
    numbers = condition.proposal.box_numbers
    nothing = numbers.new_zeros(*numbers.shape[:2], NUM_ROLES + NUM_PROPS + NUM_OWNERS)
    return _revised(condition, state, nothing, torch.zeros_like(numbers), decide=True)


def _revised(
    condition: Condition, state: State, labels: Tensor, numbers: Tensor, decide: bool
) -> Estimate:
    """The proposal and what is added to its logits [B, N, NUM_ROLES + NUM_PROPS + NUM_OWNERS] and to
    its box numbers [B, N, NUM_BOX_NUMBERS]; `decide` as in `place_boxes`."""
    proposal = condition.proposal
    roles, props, owners = labels.split([NUM_ROLES, NUM_PROPS, NUM_OWNERS], dim=-1)
    roles = proposal.role_logits + roles
    placed = place_boxes(
        proposal.box_numbers + numbers,
        condition.inputs,
        condition.siblings,
        Elements(_likely(roles, state), proposal.bearings),
        (unscale_boxes(state.boxes), coordinates(state.given)),
        decide=decide,
    )
    return Estimate(
        roles,
        proposal.prop_logits + props,
        proposal.owner_scores + owners,
        proposal.below_scores,
        placed,
    )


def _likely(logits: Tensor, state: State) -> Tensor:
    """How likely the roles of nodes are [B, N, NUM_ROLES], of which those that are given are sure."""
    given_bn1 = state.given[..., :1] & (state.roles != MASK_ROLE)[..., None]
    sure = F.one_hot(state.roles.clamp(max=NUM_ROLES - 1), NUM_ROLES).to(logits)
    return torch.where(given_bn1, sure, logits.detach().softmax(-1))


def _waves(boxes: Tensor, condition: Condition) -> Tensor:
    """Fourier features of boxes, of places and heights in units of the screenshot's width, too."""
    in_widths = boxes[..., 1::2] * condition.inputs.aspects[:, None, None]
    return fourier(torch.cat([boxes, in_widths], dim=-1), _FREQUENCIES)
