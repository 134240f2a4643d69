"""The condition encoder: what DOM nodes and screenshot say before there is a layout, once a section.

Axis suffixes: b section, n node, p patch, d model width, h head, c feature channel, y and x rows and
columns of a feature map.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from dlt.data.batch import Inputs, hide
from dlt.data.encode import (
    CLASS_BUCKETS,
    NUM_GROUNDING,
    NUM_NUMBERS,
    NUM_RELATIONS,
    NUM_TAGS,
    TEXT_BUCKETS,
)
from dlt.grounding.looks import NUM_LOOKS
from dlt.model.crf import NUM_LINKS
from dlt.model.geometry import NUM_EDGES, NUM_SIZES, Geometry, scales
from dlt.model.layers import HEAD_DIM, SelfBlock, TreeMixer, fourier, mask_bias
from dlt.model.placement import Elements, Placement, Siblings, place_boxes
from dlt.section.roles import NODE_PROPS, NODE_ROLES, ROLES

NUM_ROLES = len(NODE_ROLES)
NUM_PROPS = len(NODE_PROPS)
NUM_OWNERS = len(ROLES)
HASH_DIM = 16  # width of hashed tokens, whose tables are large
_CELL = 4  # px a side of the finest features
_CELL_CHANNELS = 32
FIELD_CHANNELS = 32
_FREQUENCIES = 6
_NUMBER_FREQUENCIES = 4
_BACKDROP = 16  # width of the hidden layer of `Backdrop`


@dataclass(frozen=True)
class Picture:
    """The features of B screenshots."""

    rows_b: Tensor  # height of the screenshots in cells: no whole number
    fields_byxc: Tensor  # 2 cells a side, having seen their neighbours
    patches_bpd: Tensor
    patch_mask: Tensor  # bool [B, P]: not all padding


class Proposal(NamedTuple):
    """Labels and boxes by structure and grounding alone."""

    role_logits: Tensor  # float [B, N, NUM_ROLES]
    prop_logits: Tensor  # float [B, N, NUM_PROPS]
    owner_scores: Tensor  # float [B, N, NUM_OWNERS]: see dlt.model.crf
    below_scores: Tensor  # float [NUM_OWNERS, NUM_LINKS]: the same, of links below owners
    box_numbers: Tensor  # float [B, N, NUM_BOX_NUMBERS]: see `place_boxes`
    bearings: Tensor  # float [NUM_ROLES, 2]: as from `find_bearings`, but 0 where unknown
    placed: Placement


@dataclass(frozen=True)
class Condition:
    """What the denoiser sees of B sections; computed once, used at every step."""

    inputs: Inputs  # without what is hidden from the model
    siblings: Siblings
    nodes_bnd: Tensor
    proposal: Proposal
    patches_bpd: Tensor
    patch_bias: Tensor  # [B, 1, 1, P]: -inf on padding
    picture: Picture


class NodeEmbedding(nn.Module):
    """Tag, class names, text, place in the tree → one vector per node.

    Numbers come with their Fourier features: trees split numbers sharply, and without such features
    networks do not (Gorishniy et al. 2022).

    Class names and words that training has not seen on several sites say nothing about a new one, so
    they are hidden, there and here.
    """

    class_known: Tensor
    text_known: Tensor

    def __init__(self, d_model: int):
        super().__init__()
        self.tag = nn.Embedding(NUM_TAGS, d_model)
        self.class_token = nn.Embedding(CLASS_BUCKETS, HASH_DIM, padding_idx=0)
        self.text_token = nn.Embedding(TEXT_BUCKETS, HASH_DIM, padding_idx=0)
        waves = 2 * _NUMBER_FREQUENCIES * (NUM_NUMBERS + 1 + NUM_EDGES)
        numbers = NUM_NUMBERS + 1 + NUM_GROUNDING + NUM_SIZES + waves
        self.project = nn.Sequential(
            nn.Linear(2 * HASH_DIM + numbers, d_model), nn.GELU(), nn.Linear(d_model, d_model)
        )
        self.register_buffer("class_known", torch.zeros(CLASS_BUCKETS, dtype=torch.bool))
        self.register_buffer("text_known", torch.zeros(TEXT_BUCKETS, dtype=torch.bool))

    def know(self, classes: NDArray[np.bool_], words: NDArray[np.bool_]) -> None:
        """Look at these buckets of class tokens and of words, too."""
        self.class_known |= torch.from_numpy(classes)
        self.text_known |= torch.from_numpy(words)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return [B, N, D]."""
        classes = inputs.class_tokens * self.class_known[inputs.class_tokens]
        words = inputs.text_tokens * self.text_known[inputs.text_tokens]
        aspect = inputs.aspects.log()
        sizes, edges = scales(inputs)
        numbers = torch.cat(
            [inputs.numbers, aspect[:, None, None].expand(*inputs.tags.shape, 1)], dim=-1
        )
        described = [
            self.class_token(classes).sum(2),
            self.text_token(words).sum(2),
            numbers,
            inputs.grounding,
            sizes,
            fourier(torch.cat([numbers, edges], dim=-1), _NUMBER_FREQUENCIES),
        ]
        return self.tag(inputs.tags) + self.project(torch.cat(described, dim=-1))


class ImageStem(nn.Module):
    """The screenshot → features of fields of 2 × 2 cells, and of patches."""

    def __init__(self, d_model: int, patch_size: tuple[int, int]):
        super().__init__()
        self.patch_fields = patch_size[0] // (2 * _CELL), patch_size[1] // (2 * _CELL)
        self.cells = nn.Linear(3 * _CELL**2, _CELL_CHANNELS)
        self.fields = nn.Linear(4 * _CELL_CHANNELS, FIELD_CHANNELS)
        self.context = nn.Conv2d(FIELD_CHANNELS, FIELD_CHANNELS, 3, padding=1)
        self.patches = nn.Linear(FIELD_CHANNELS * math.prod(self.patch_fields), d_model)
        self.position = nn.Linear(6 * _FREQUENCIES, d_model)

    def forward(self, images: Tensor, heights_b: Tensor) -> Picture:
        """Encode B screenshots [B, Y, X, 3].

        Rows below a screenshot's height are padding: their features are 0, as beyond any edge.
        """
        rows_b = heights_b / _CELL
        pixels = images.float() / 127.5 - 1
        cells_byxc = _blank_below(F.relu(self.cells(blocks(pixels, _CELL, _CELL))), rows_b)
        fields_byxc = _blank_below(F.relu(self.fields(blocks(cells_byxc, 2, 2))), rows_b / 2)
        around_bcyx = self.context(fields_byxc.permute(0, 3, 1, 2))
        fields_byxc = _blank_below(F.relu(around_bcyx.permute(0, 2, 3, 1)), rows_b / 2)
        patches_byxd = self.patches(blocks(fields_byxc, *self.patch_fields))
        place_bp3, patch_mask = _patch_places(patches_byxd, images, heights_b)
        patches_bpd = patches_byxd.flatten(1, 2) + self.position(fourier(place_bp3, _FREQUENCIES))
        return Picture(rows_b, fields_byxc, patches_bpd, patch_mask)


def blocks(x_byxc: Tensor, height: int, width: int) -> Tensor:
    """[B, Y, X, C] → [B, Y / height, X / width, height · width · C], a vector for each block."""
    rows = x_byxc.unflatten(2, (-1, width)).unflatten(1, (-1, height))
    return rows.transpose(2, 3).flatten(3)


def _patch_places(patches_byxd: Tensor, images: Tensor, heights_b: Tensor) -> tuple[Tensor, Tensor]:
    """Where patches are [B, P, 3], and which of them are not all padding [B, P].

    A place is x and y of the centre as fractions of the screenshot, and y in units of its width.
    """
    grid = patches_byxd.shape[:3]
    rows, columns = grid[1:]
    height = images.shape[1] / rows
    top_y = torch.arange(rows, device=images.device) * height
    middle_y = top_y + height / 2
    places = (
        ((torch.arange(columns, device=images.device) + 0.5) / columns).expand(grid),
        (middle_y / heights_b[:, None])[:, :, None].expand(grid),
        (middle_y / images.shape[2])[:, None].expand(grid),
    )
    visible_by = top_y < heights_b[:, None]
    return torch.stack(places, dim=-1).flatten(1, 2), visible_by.repeat_interleave(columns, dim=1)


def _blank_below(x_byxc: Tensor, rows_b: Tensor) -> Tensor:
    """Set all rows from `rows_b` on to 0."""
    visible_by = torch.arange(x_byxc.shape[1], device=x_byxc.device) < rows_b[:, None]
    return x_byxc * visible_by[..., None, None]


class Backdrop(nn.Module):
    """Prop logits by what lies behind the section.

    Of its own, so that nothing else is learnt from colours, of which every site has others.
    """

    def __init__(self, d_model: int):
        super().__init__()
        self.node = nn.Linear(d_model, _BACKDROP)
        self.look = nn.Linear((1 + 2 * _NUMBER_FREQUENCIES) * NUM_LOOKS, _BACKDROP)
        self.props = nn.Linear(_BACKDROP, NUM_PROPS)

    def forward(self, nodes_bnd: Tensor, looks: Tensor) -> Tensor:
        """Return [B, N, NUM_PROPS]; looks are [B, NUM_LOOKS]."""
        seen = torch.cat([looks, fourier(looks, _NUMBER_FREQUENCIES)], dim=-1)
        return self.props(F.gelu(self.node(nodes_bnd) + self.look(seen)[:, None]))


class ConditionEncoder(nn.Module):
    """Nodes through self-attention with a bias for tree relations, and patches of the screenshot.

    The nodes alone propose labels and boxes. That is cheap to learn well, before and beside the
    diffusion, which starts from the proposal and revises it.
    """

    recompute = False  # see `run_block`
    bearings: Tensor

    def __init__(self, d_model: int, num_layers: int, dropout: float, patch_size: tuple[int, int]):
        super().__init__()
        self.hidden: frozenset[str] = frozenset()  # parts of the input: see dlt.data.batch.hide
        self.nodes = NodeEmbedding(d_model)
        self.relatives = TreeMixer(d_model)
        self.relation = nn.Embedding(NUM_RELATIONS, d_model // HEAD_DIM)
        self.blocks = nn.ModuleList(SelfBlock(d_model, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.labels = nn.Linear(d_model, NUM_ROLES + NUM_PROPS + NUM_OWNERS)
        self.below = nn.Embedding(NUM_OWNERS, NUM_LINKS)
        self.backdrop = Backdrop(d_model)
        self.geometry = Geometry()
        self.register_buffer("bearings", torch.zeros(NUM_ROLES, 2))
        self.image = ImageStem(d_model, patch_size)
        self.patch_norm = nn.LayerNorm(d_model)

    def measure(self, bearings: NDArray[np.float32]) -> None:
        """Take over bearings as from `find_bearings`, as far as they are known."""
        found = torch.from_numpy(bearings).to(self.bearings)
        self.bearings.copy_(torch.where(found.isnan(), self.bearings, found))

    def forward(self, inputs: Inputs) -> Condition:
        """Encode B sections."""
        inputs = hide(inputs, self.hidden)
        siblings = Siblings.of(inputs.parents, inputs.node_mask)
        nodes_bnd = self._read(inputs)
        picture = self.image(inputs.images, inputs.image_heights)
        return Condition(
            inputs=inputs,
            siblings=siblings,
            nodes_bnd=nodes_bnd,
            proposal=self._propose(nodes_bnd, inputs, siblings),
            patches_bpd=self.patch_norm(picture.patches_bpd),
            patch_bias=mask_bias(picture.patch_mask),
            picture=picture,
        )

    def propose(self, inputs: Inputs) -> Proposal:
        """What there is to say of B sections before their pictures are looked at."""
        inputs = hide(inputs, self.hidden)
        siblings = Siblings.of(inputs.parents, inputs.node_mask)
        return self._propose(self._read(inputs), inputs, siblings)

    def _read(self, inputs: Inputs) -> Tensor:
        """Encode the structure of B sections: [B, N, D]."""
        x_bnd = self.relatives(self.nodes(inputs), inputs.relations)
        bias_bhnn = relation_bias(self.relation, inputs.relations) + mask_bias(inputs.node_mask)
        for block in self.blocks:
            x_bnd = run_block(block, self.recompute, x_bnd, bias_bhnn)
        return self.norm(x_bnd)

    def _propose(self, nodes_bnd: Tensor, inputs: Inputs, siblings: Siblings) -> Proposal:
        labels = self.labels(nodes_bnd)
        roles, props, owners = labels.split([NUM_ROLES, NUM_PROPS, NUM_OWNERS], dim=-1)
        likely = roles.detach().softmax(-1)  # boxes teach nothing about roles
        numbers = self.geometry(likely, inputs)
        nothing = torch.zeros(*inputs.tags.shape, 4, device=nodes_bnd.device)
        known = nothing, nothing.bool()
        elements = Elements(likely, self.bearings)
        placed = place_boxes(numbers, inputs, siblings, elements, known, decide=not self.training)
        below = self.below(torch.arange(NUM_OWNERS, device=owners.device))
        props = props + self.backdrop(nodes_bnd, inputs.looks)
        return Proposal(roles, props, owners, below, numbers, self.bearings, placed)


def run_block(block: nn.Module, recompute: bool, *inputs: Any) -> Tensor:
    """A block's output; with `recompute`, its activations are not kept but computed again for the
    gradients (Chen et al. 2016)."""
    if recompute and torch.is_grad_enabled():
        return checkpoint(block, *inputs, use_reentrant=False)
    return block(*inputs)


def relation_bias(table: nn.Embedding, relations: Tensor) -> Tensor:
    """The attention bias [B, H, N, N] of tree relations [B, N, N]."""
    return table(relations).permute(0, 3, 1, 2)
