"""The condition encoder: DOM nodes and screenshot patches attend to each other, once a section.

Axis suffixes: b section, n node, p patch, m token (nodes, then patches), d model width, h head,
c feature channel, y and x rows and columns of the feature map.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlt.data.batch import Inputs
from dlt.data.encode import CLASS_BUCKETS, NUM_NUMBERS, NUM_RELATIONS, NUM_TAGS, TEXT_BUCKETS
from dlt.model.layers import HEAD_DIM, SelfBlock, fourier, mask_bias

HASH_DIM = 32  # width of hashed tokens, whose tables are large
FEATURE_CHANNELS = 32
FEATURE_STRIDE = 8  # px
_FREQUENCIES = 6


@dataclass(frozen=True)
class Condition:
    """What the denoiser sees of B sections; computed once, used at every step."""

    node_mask: Tensor  # bool [B, N]
    relations: Tensor  # int64 [B, N, N]
    parents: Tensor  # int64 [B, N]: the root is its own
    nodes_bnd: Tensor
    tokens_bmd: Tensor
    token_bias: Tensor  # [B, 1, 1, M]: -inf on padding
    features_bcyx: Tensor  # the screenshot at stride FEATURE_STRIDE
    visible_b: Tensor  # share of the feature map's height that is screenshot, not padding


class NodeEmbedding(nn.Module):
    """Tag, class names, text, place in the tree → one vector per node."""

    def __init__(self, d_model: int):
        super().__init__()
        self.tag = nn.Embedding(NUM_TAGS, d_model)
        self.class_token = nn.Embedding(CLASS_BUCKETS, HASH_DIM, padding_idx=0)
        self.text_token = nn.Embedding(TEXT_BUCKETS, HASH_DIM, padding_idx=0)
        self.project = nn.Linear(2 * HASH_DIM + NUM_NUMBERS, d_model)

    def forward(self, inputs: Inputs) -> Tensor:
        """Return [B, N, D]."""
        tokens = [
            self.class_token(inputs.class_tokens).sum(2),
            self.text_token(inputs.text_tokens).sum(2),
        ]
        return self.tag(inputs.tags) + self.project(torch.cat([*tokens, inputs.numbers], dim=-1))


class ImageStem(nn.Module):
    """The screenshot → a fine feature map and one coarse token per patch."""

    def __init__(self, d_model: int, patch_size: int):
        super().__init__()
        width = 2 * FEATURE_CHANNELS
        self.cells = nn.Sequential(
            nn.Conv2d(3, width, FEATURE_STRIDE, stride=FEATURE_STRIDE), nn.GELU()
        )
        self.context = nn.Sequential(nn.Conv2d(width, FEATURE_CHANNELS, 3, padding=1), nn.GELU())
        stride = patch_size // FEATURE_STRIDE
        self.patches = nn.Conv2d(FEATURE_CHANNELS, d_model, stride, stride=stride)
        self.position = nn.Linear(4 * _FREQUENCIES, d_model)

    def forward(self, images: Tensor, heights_b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features [B, C, Y, X], patches [B, P, D] and the mask of patches [B, P].

        Rows below a screenshot's height are padding: their features are 0, as beyond any edge.
        """
        pixels = images.float() / 127.5 - 1
        features_bcyx = _blank_below(self.cells(pixels), heights_b / FEATURE_STRIDE)
        features_bcyx = _blank_below(self.context(features_bcyx), heights_b / FEATURE_STRIDE)
        patches_bdyx = self.patches(features_bcyx)
        rows, columns = patches_bdyx.shape[-2:]
        patch_size = images.shape[-1] / columns
        top_y = torch.arange(rows, device=images.device) * patch_size
        # places as fractions of the screenshot, as boxes have them
        y_by = (top_y + patch_size / 2) / heights_b[:, None]
        x_x = (torch.arange(columns, device=images.device) + 0.5) / columns
        grid = (len(images), rows, columns)
        place_bp2 = torch.stack([x_x.expand(grid), y_by[:, :, None].expand(grid)], dim=-1).flatten(
            1, 2
        )
        patches_bpd = patches_bdyx.flatten(2).transpose(1, 2)
        patches_bpd = patches_bpd + self.position(fourier(place_bp2, _FREQUENCIES))
        visible_by = top_y < heights_b[:, None]
        return features_bcyx, patches_bpd, visible_by.repeat_interleave(columns, dim=1)


def _blank_below(x_bcyx: Tensor, rows_b: Tensor) -> Tensor:
    """Set all rows from `rows_b` on to 0."""
    visible_by = torch.arange(x_bcyx.shape[-2], device=x_bcyx.device) < rows_b[:, None]
    return x_bcyx * visible_by[:, None, :, None]


class ConditionEncoder(nn.Module):
    """Node and patch tokens through self-attention with a bias for tree relations."""

    def __init__(self, d_model: int, num_layers: int, dropout: float, patch_size: int):
        super().__init__()
        self.nodes = NodeEmbedding(d_model)
        self.image = ImageStem(d_model, patch_size)
        self.relation = nn.Embedding(NUM_RELATIONS, d_model // HEAD_DIM)
        self.blocks = nn.ModuleList(SelfBlock(d_model, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(self, inputs: Inputs) -> Condition:
        """Encode B sections."""
        features_bcyx, patches_bpd, patch_mask = self.image(inputs.images, inputs.image_heights)
        x_bmd = torch.cat([self.nodes(inputs), patches_bpd], dim=1)
        token_bias = mask_bias(torch.cat([inputs.node_mask, patch_mask], dim=1))
        patches = patches_bpd.shape[1]
        tree_bias = F.pad(relation_bias(self.relation, inputs.relations), (0, patches, 0, patches))
        bias_bhmm = tree_bias + token_bias
        for block in self.blocks:
            x_bmd = block(x_bmd, bias_bhmm)
        x_bmd = self.norm(x_bmd)
        return Condition(
            node_mask=inputs.node_mask,
            relations=inputs.relations,
            parents=inputs.parents,
            nodes_bnd=x_bmd[:, : inputs.tags.shape[1]],
            tokens_bmd=x_bmd,
            token_bias=token_bias,
            features_bcyx=features_bcyx,
            visible_b=inputs.image_heights / inputs.images.shape[-2],
        )


def relation_bias(table: nn.Embedding, relations: Tensor) -> Tensor:
    """The attention bias [B, H, N, N] of tree relations [B, N, N]."""
    return table(relations).permute(0, 3, 1, 2)
