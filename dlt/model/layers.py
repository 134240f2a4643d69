"""The building blocks of both transformers.

Axis suffixes: b section, l query token, m key token, n node, p patch, d model width, h head.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlt.data.encode import RELATIONS

HEAD_DIM = 32  # width of an attention head; d_model is a multiple of it


class KeyValue(nn.Module):
    """Keys and values of attention, computed apart from it so that they can be kept."""

    def __init__(self, d_model: int):
        super().__init__()
        self.project = nn.Linear(d_model, 2 * d_model)

    def forward(self, x_bmd: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values, each [B, H, M, HEAD_DIM]."""
        key_bmd, value_bmd = self.project(x_bmd).chunk(2, dim=-1)
        return split_heads(key_bmd), split_heads(value_bmd)


class Attention(nn.Module):
    """Multi-head attention to given keys and values, with an additive bias."""

    def __init__(self, d_model: int):
        super().__init__()
        self.query = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x_bld: Tensor, key_value: tuple[Tensor, Tensor], bias_bhlm: Tensor) -> Tensor:
        """Return [B, L, D]; `bias_bhlm` is -inf where a query may not look (H or L may be 1)."""
        query = split_heads(self.query(x_bld))
        out = F.scaled_dot_product_attention(query, *key_value, attn_mask=bias_bhlm)
        return self.out(out.transpose(1, 2).flatten(2))


class FeedForward(nn.Sequential):
    """Two linear layers, three times as wide between."""

    def __init__(self, d_model: int):
        super().__init__(
            nn.Linear(d_model, 3 * d_model), nn.GELU(), nn.Linear(3 * d_model, d_model)
        )


class SelfBlock(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, d_model: int, dropout: float):
        super().__init__()
        self.norm_attention = nn.LayerNorm(d_model)
        self.key_value = KeyValue(d_model)
        self.attention = Attention(d_model)
        self.norm_feed = nn.LayerNorm(d_model)
        self.feed = FeedForward(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_bld: Tensor, bias_bhll: Tensor) -> Tensor:
        """Return [B, L, D]."""
        y_bld = self.norm_attention(x_bld)
        x_bld = x_bld + self.dropout(self.attention(y_bld, self.key_value(y_bld), bias_bhll))
        return x_bld + self.dropout(self.feed(self.norm_feed(x_bld)))


class CrossBlock(nn.Module):
    """A `SelfBlock` with attention to a condition, whose keys and values are given, in between."""

    def __init__(self, d_model: int, dropout: float):
        super().__init__()
        self.self_block = SelfBlock(d_model, dropout)
        self.norm = nn.LayerNorm(d_model)
        self.attention = Attention(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x_bnd: Tensor,
        bias_bhnn: Tensor,
        condition: tuple[Tensor, Tensor],
        condition_bias: Tensor,
    ) -> Tensor:
        """Return [B, N, D]."""
        y_bnd = self.attention(self.norm(x_bnd), condition, condition_bias)
        return self.self_block(x_bnd + self.dropout(y_bnd), bias_bhnn)


class TreeMixer(nn.Module):
    """Adds to each node what its parent, its children and the siblings beside it are.

    One look at the nearest relatives, before attention has to find them.
    """

    _RELATIVES = ("parent", "child", "previous", "next")

    def __init__(self, d_model: int):
        super().__init__()
        width = (1 + len(self._RELATIVES)) * d_model
        self.mix = nn.Sequential(nn.Linear(width, d_model), nn.GELU(), nn.Linear(d_model, d_model))

    def forward(self, x_bnd: Tensor, relations: Tensor) -> Tensor:
        """Return [B, N, D]; relations [B, N, N] are of nodes, or 0 for padding."""
        kinds = relations % len(RELATIONS)
        near = [x_bnd]
        for name in self._RELATIVES:
            related = (kinds == RELATIONS.index(name)).to(x_bnd.dtype)
            near.append(related @ x_bnd / related.sum(-1, keepdim=True).clamp(min=1))
        return x_bnd + self.mix(torch.cat(near, dim=-1))


def split_heads(x_bld: Tensor) -> Tensor:
    """[B, L, D] → [B, H, L, HEAD_DIM]."""
    return x_bld.unflatten(-1, (-1, HEAD_DIM)).transpose(1, 2)


def fourier(x: Tensor, frequencies: int) -> Tensor:
    """Sines and cosines of π·2^k·x; [..., K] → [..., K · 2 · frequencies] (Mildenhall et al. 2020)."""
    angles = x[..., None] * (torch.pi * 2.0 ** torch.arange(frequencies, device=x.device))
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def mask_bias(mask_bm: Tensor) -> Tensor:
    """An attention bias [B, 1, 1, M]: 0 where the mask holds, -inf elsewhere."""
    bias = torch.zeros(mask_bm.shape, device=mask_bm.device)
    return bias.masked_fill(~mask_bm, float("-inf"))[:, None, None]


def initialise(module: nn.Module) -> None:
    """The one place for initial weights; to be called through `Module.apply`."""
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
