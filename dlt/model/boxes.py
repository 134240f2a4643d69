"""Boxes: their frames, down and up the tree, and how they read from the screenshot.

Boxes are [..., 4]: centre x, centre y, width, height as fractions of the screenshot, unless said
otherwise. Axis suffixes: b section, n node, d model width, c feature channel, y and x rows and
columns of the feature map, l cells along one axis, e the two edges of a box along it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlt.model.condition import CELL_CHANNELS, FIELD_CHANNELS, Picture

REGION_GRID = 4  # a box is looked at in so many fields a side
_REGION_SCALE = 1.25  # of the box: its edges are seen from both sides
_EDGE_CHANNELS = 24
_LESS_GAP = 3.0  # so much smaller than a node is a gap at first, as a logarithm
_MOST_LOG = 8.0
_NEVER = -1e4  # as a log-probability

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


def compose_boxes(relative: Tensor, parents: Tensor, boxes: Tensor, given: Tensor) -> Tensor:
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


def coverage(low: Tensor, high: Tensor, cells: int) -> Tensor:
    """The share of each interval [...] that lies in each of `cells` unit cells: [..., cells].

    An interval shorter than a cell counts as one cell long. What lies outside is in no cell.
    """
    short = (1 - (high - low)).clamp(min=0) / 2
    low, high = (low - short)[..., None], (high + short)[..., None]
    cell = torch.arange(cells, device=low.device)
    return (torch.minimum(high, cell + 1) - torch.maximum(low, cell)).clamp(min=0) / (high - low)


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


class FlowBoxes(nn.Module):
    """Boxes relative to the parent node's box, the way pages flow.

    Along each axis a parent may lay its children one after the other: then they share its length by
    weights, with gaps before them and at the end. Or a child has its own place. A gate of the
    parent decides, softly. Weights are logarithms, so that a common scale, such as the size of a
    page's type, cancels out.
    """

    def __init__(self, d_model: int):
        super().__init__()
        self.head = nn.Linear(d_model, 12)

    def forward(self, x_bnd: Tensor, parents: Tensor, siblings: Siblings) -> Tensor:
        """Return centre and size [B, N, 4] as fractions of the parent's box."""
        own_bn4, length_bn2, gap_bn2, end_bn2, gate_bn2 = self.head(x_bnd).split(
            [4, 2, 2, 2, 2], -1
        )
        length_bn2 = length_bn2.clamp(max=_MOST_LOG).exp()
        gap_bn2 = (gap_bn2 - _LESS_GAP).clamp(max=_MOST_LOG).exp()
        above = parents[..., None].expand_as(end_bn2)
        end_bn2 = (end_bn2 - _LESS_GAP).clamp(max=_MOST_LOG).exp().gather(1, above)
        taken_bn2 = length_bn2 + gap_bn2
        total_bn2 = siblings.alike.float() @ taken_bn2 + end_bn2
        start_bn2 = siblings.earlier.float() @ taken_bn2 + gap_bn2
        flow = torch.cat([start_bn2 + length_bn2 / 2, length_bn2], -1) / total_bn2.repeat(1, 1, 2)
        own = whole(own_bn4) + own_bn4 * 0.5  # most nodes fill their parent: that is what 0 means
        gate = gate_bn2.gather(1, above).sigmoid().repeat(1, 1, 2)
        return gate * flow + (1 - gate) * own


class RegionFeatures(nn.Module):
    """The screenshot's features in a grid of rectangles over each box, as one vector.

    Each rectangle gives the mean over it, exactly. Looking at the screenshot where the boxes are
    thought to be follows DiffusionDet (Chen et al. 2023).
    """

    def __init__(self, d_model: int):
        super().__init__()
        self.project = nn.Linear(REGION_GRID**2 * FIELD_CHANNELS, d_model)

    def forward(self, boxes_bn4: Tensor, picture: Picture) -> Tensor:
        """Return [B, N, D]."""
        rows, columns = picture.fields_byxc.shape[1:3]
        scale_b2 = torch.stack([torch.full_like(picture.rows_b, columns), picture.rows_b / 2], -1)
        centre_bn2, size_bn2 = (boxes_bn4 * scale_b2.repeat(1, 2)[:, None]).split(2, dim=-1)
        step_bn21 = size_bn2[..., None] * _REGION_SCALE / REGION_GRID
        place_g = torch.arange(REGION_GRID, device=boxes_bn4.device) - REGION_GRID / 2
        low_bn2g = centre_bn2[..., None] + step_bn21 * place_g
        high_bn2g = low_bn2g + step_bn21
        x_bngx = coverage(low_bn2g[:, :, 0], high_bn2g[:, :, 0], columns)
        y_bnhy = coverage(low_bn2g[:, :, 1], high_bn2g[:, :, 1], rows)
        bands = torch.einsum("bngx,bxyc->bngyc", x_bngx, picture.fields_byxc.transpose(1, 2))
        regions = torch.einsum("bnhy,bngyc->bnhgc", y_bnhy, bands)
        return self.project(regions.flatten(2))


@dataclass(frozen=True)
class Edges:
    """Where the low and the high edges of boxes are along one axis."""

    log_probs_bnel: Tensor  # of the borders between cells, from 0 on
    mean_bne: Tensor  # as fractions of the screenshot
    length_b: Tensor  # of the screenshot, in cells


class EdgeFinder(nn.Module):
    """Moves the edges of boxes to where the screenshot shows them.

    Along each axis an edge becomes the mean of a distribution over the borders between cells. A
    border's score is how well what is there, averaged over the box's band of the screenshot, fits
    what the node looks for, less its distance from the edge so far. Edges as distributions over the
    places along a band follow side-aware boundary localization (Wang et al. 2020).
    """

    def __init__(self, d_model: int):
        super().__init__()
        # each border of two cells, along x and along y, sees the cell before and the cell after it
        # without a bias, so that cells of padding are as none at all
        self.near = nn.Linear(CELL_CHANNELS, 4 * _EDGE_CHANNELS, bias=False)
        self.wide = nn.Linear(FIELD_CHANNELS, 4 * _EDGE_CHANNELS, bias=False)
        self.query = nn.Linear(d_model, 4 * _EDGE_CHANNELS)
        self.pull = nn.Linear(d_model, 8)

    def look(self, picture: Picture) -> tuple[Tensor, Tensor]:
        """What boxes are compared with, once a section: borders along x, and along y."""
        fields = self.wide(picture.fields_byxc).repeat_interleave(2, dim=1)
        seen = self.near(picture.cells_byxc) + fields.repeat_interleave(2, dim=2)
        left, right, above, below = seen.chunk(4, dim=-1)
        along_x = F.relu(F.pad(left, (0, 0, 1, 0)) + F.pad(right, (0, 0, 0, 1)))
        along_y = F.relu(F.pad(above, (0, 0, 0, 0, 1, 0)) + F.pad(below, (0, 0, 0, 0, 0, 1)))
        return along_x, along_y.transpose(1, 2)

    def forward(
        self,
        x_bnd: Tensor,
        boxes_bn4: Tensor,
        guess_bn4: Tensor,
        borders: tuple[Tensor, Tensor],
        rows_b: Tensor,
    ) -> tuple[Edges, Edges]:
        """Find the edges along x and along y; `borders` as from `look`."""
        borders_byxc, borders_bxyc = borders
        rows, columns = borders_byxc.shape[1], borders_bxyc.shape[1]
        lengths_ab = torch.full_like(rows_b, columns), rows_b
        now, before = (edges(x).unflatten(-1, (2, 2)) for x in (boxes_bn4, guess_bn4))  # edge, axis
        low_x, high_x = (now[:, :, :, 0].detach() * columns).unbind(-1)
        low_y, high_y = (now[:, :, :, 1].detach() * rows_b[:, None, None]).unbind(-1)
        bands_abnlc = (
            torch.einsum("bny,byxc->bnxc", coverage(low_y, high_y, rows), borders_byxc),
            torch.einsum("bnx,bxyc->bnyc", coverage(low_x, high_x, columns), borders_bxyc),
        )
        queries = self.query(x_bnd).unflatten(-1, (2, 2, _EDGE_CHANNELS))
        pulls = F.softplus(self.pull(x_bnd)).unflatten(-1, (2, 2, 2))
        along_x, along_y = (
            _edges_by_score(
                torch.einsum("bnlc,bnec->bnel", bands_abnlc[a], queries[:, :, a]),
                ((now[..., a], pulls[:, :, 0, a]), (before[..., a], pulls[:, :, 1, a])),
                lengths_ab[a],
            )
            for a in range(2)
        )
        return along_x, along_y


def boxes_between(along_x: Edges, along_y: Edges) -> Tensor:
    """Boxes [B, N, 4] between low and high edges."""
    low, high = torch.stack([along_x.mean_bne, along_y.mean_bne], dim=-1).unbind(2)
    return torch.cat([(low + high) / 2, (high - low).clamp(min=0)], dim=-1)


def _edges_by_score(
    scores_bnel: Tensor, pulls: Iterable[tuple[Tensor, Tensor]], length_b: Tensor
) -> Edges:
    """Edges along one axis of screenshots that are `length_b` cells long.

    Args:
        scores_bnel: how well each border fits each edge.
        pulls: places [B, N, 2] so far, and what a cell's distance from them costs [B, N, 2].
    """
    border_l = torch.arange(scores_bnel.shape[-1], device=scores_bnel.device)
    for place_bne, pull_bne in pulls:
        cells_bne1 = (place_bne * length_b[:, None, None])[..., None]
        scores_bnel = scores_bnel - pull_bne[..., None] * (border_l - cells_bne1).abs()
    outside_bl = border_l > length_b[:, None].ceil()
    log_probs = scores_bnel.masked_fill(outside_bl[:, None, None], _NEVER).log_softmax(-1)
    place_bl = torch.minimum(border_l, length_b[:, None]) / length_b[:, None]
    return Edges(log_probs, (log_probs.exp() * place_bl[:, None, None]).sum(-1), length_b)
