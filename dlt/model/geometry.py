"""Where boxes are, by what is seen where: the proposal's numbers for `place_boxes`.

Axis suffixes: b section, n node, p place, k number.
"""

import torch
from torch import Tensor, nn

from dlt.data.batch import Inputs
from dlt.data.encode import NUM_GROUNDING, RELATIONS
from dlt.model.layers import TreeMixer, fourier
from dlt.model.placement import NUM_BOX_NUMBERS
from dlt.section.roles import NODE_ROLES

NUM_SIZES, NUM_EDGES = 7, 12  # see `scales`
_NUM_GAPS = 20  # see `_gaps`
_WIDTH = 56  # in all phases: geometry gets no harder
_ROUNDS = 2  # of looking at relatives
_FREQUENCIES = 4
_GAP_FREQUENCIES = 2
_ORDER = slice(1, 9)  # of `Inputs.numbers`: place and number of siblings and children
_SMALL_GAP = 0.01  # widths


class Geometry(nn.Module):
    """NUM_BOX_NUMBERS numbers a node by its role and by where it and its relatives are seen.

    How padding, gaps and columns follow from what is seen is the same in all trees and for all tags,
    words and class names. A network that knew these would learn it by heart for those of training.
    """

    def __init__(self) -> None:
        super().__init__()
        waves = 2 * _FREQUENCIES * (NUM_EDGES + 1) + 2 * _GAP_FREQUENCIES * _NUM_GAPS
        count = len(NODE_ROLES) + NUM_GROUNDING + NUM_SIZES + _NUM_GAPS + 8 + 1 + waves
        self.read = nn.Sequential(nn.Linear(count, _WIDTH), nn.GELU(), nn.Linear(_WIDTH, _WIDTH))
        self.relatives = nn.ModuleList(TreeMixer(_WIDTH) for _ in range(_ROUNDS))
        self.norm = nn.LayerNorm(_WIDTH)
        self.boxes = nn.Linear(_WIDTH, NUM_BOX_NUMBERS)

    def forward(self, roles_bnr: Tensor, inputs: Inputs) -> Tensor:
        """Return [B, N, NUM_BOX_NUMBERS]; `roles_bnr` are probabilities."""
        sizes, edges = scales(inputs)
        aspect = inputs.aspects.log()[:, None, None].expand(*inputs.tags.shape, 1)
        with torch.autocast(roles_bnr.device.type, enabled=False):  # bf16 would be off by pixels
            gaps = _gaps(inputs)
        described = [
            roles_bnr,
            inputs.grounding,
            sizes,
            gaps,
            inputs.numbers[..., _ORDER],
            aspect,
            fourier(torch.cat([edges, aspect], dim=-1), _FREQUENCIES),
            fourier(gaps, _GAP_FREQUENCIES),
        ]
        x_bnk = self.read(torch.cat(described, dim=-1))
        for mixer in self.relatives:
            x_bnk = mixer(x_bnk, inputs.relations)
        return self.boxes(self.norm(x_bnk))


def scales(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Of grounding logarithms of sizes, scaled to about -1 .. 1 [B, N, 7], and edges [B, N, 12].

    Cells are as high as what the node shows, so of these there are but the left and right edges.
    """
    edges_bnp4 = inputs.places[..., 1:]
    sizes_bnp2 = edges_bnp4[..., 2:] - edges_bnp4[..., :2]
    sizes = [sizes_bnp2[:, :, :2].flatten(2), sizes_bnp2[:, :, 2:, 0], inputs.grounding[..., -1:]]
    edges = [edges_bnp4[:, :, :2].flatten(2), edges_bnp4[:, :, 2:, ::2].flatten(2)]
    logs = (torch.cat(sizes, dim=-1).clamp(min=0.002) / 0.05).log() / 4
    return logs, torch.cat(edges, dim=-1)


def _gaps(inputs: Inputs) -> Tensor:
    """How far what a node shows is from what its relatives show [B, N, _NUM_GAPS]; about -1 .. 1.

    Its edges from those of its parent, of the section and of its frame; along both axes the gap to
    the siblings before and after it, and how far these begin from where it begins. 0 where either
    shows nothing.
    """
    ones = torch.ones_like(inputs.aspects)
    widths_b114 = torch.stack([ones, inputs.aspects] * 2, dim=-1)[:, None, None]
    there_bnp1, edges_bnp4 = inputs.places.split([1, 4], dim=-1)
    seen_bnp5 = torch.cat([there_bnp1, edges_bnp4 * widths_b114], dim=-1)
    own, frame = seen_bnp5[:, :, 0], seen_bnp5[:, :, 1]
    parent = own.gather(1, inputs.parents[..., None].expand_as(own))
    apart = [(own - other)[..., 1:] * other[..., :1] for other in (parent, own[:, :1], frame)]
    kinds = inputs.relations % len(RELATIONS)
    low, high = own[..., 1:3], own[..., 3:]
    for name, sign in ("previous", 1), ("next", -1):
        there, other_low, other_high = ((kinds == RELATIONS.index(name)).to(own) @ own).split(
            [1, 2, 2], dim=-1
        )
        gap = low - other_high if sign > 0 else other_low - high
        apart += [gap * there, (low - other_low) * sign * there]
    return torch.cat(apart, dim=-1).mul(own[..., :1]).div(_SMALL_GAP).asinh() / 4
