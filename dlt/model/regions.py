"""What a screenshot shows where boxes are.

Axis suffixes: b section, n node, d model width, c feature channel, y and x rows and columns of the
feature map, g and h fields of the grid over a box.
"""

import torch
from torch import Tensor, nn

from dlt.model.condition import FIELD_CHANNELS, Picture

_GRID = 3  # a box is looked at in so many fields a side
_SCALE = 1.25  # of the box: its edges are seen from both sides


class RegionFeatures(nn.Module):
    """The screenshot's features in a grid of rectangles over each box, as one vector.

    Each rectangle gives the mean over it, exactly. Looking at the screenshot where the boxes are
    thought to be follows DiffusionDet (Chen et al. 2023).
    """

    def __init__(self, d_model: int):
        super().__init__()
        self.project = nn.Linear(_GRID**2 * FIELD_CHANNELS, d_model)

    def forward(self, boxes_bn4: Tensor, picture: Picture) -> Tensor:
        """Return [B, N, D]."""
        rows, columns = picture.fields_byxc.shape[1:3]
        scale_b2 = torch.stack([torch.full_like(picture.rows_b, columns), picture.rows_b / 2], -1)
        centre_bn2, size_bn2 = (boxes_bn4 * scale_b2.repeat(1, 2)[:, None]).split(2, dim=-1)
        step_bn21 = size_bn2[..., None] * _SCALE / _GRID
        place_g = torch.arange(_GRID, device=boxes_bn4.device) - _GRID / 2
        low_bn2g = centre_bn2[..., None] + step_bn21 * place_g
        high_bn2g = low_bn2g + step_bn21
        x_bngx = coverage(low_bn2g[:, :, 0], high_bn2g[:, :, 0], columns)
        y_bnhy = coverage(low_bn2g[:, :, 1], high_bn2g[:, :, 1], rows)
        bands = torch.einsum("bngx,bxyc->bngyc", x_bngx, picture.fields_byxc.transpose(1, 2))
        regions = torch.einsum("bnhy,bngyc->bnhgc", y_bnhy, bands)
        return self.project(regions.flatten(2))


def coverage(low: Tensor, high: Tensor, cells: int) -> Tensor:
    """The share of each interval [...] that lies in each of `cells` unit cells: [..., cells].

    An interval shorter than a cell counts as one cell long. What lies outside is in no cell.
    """
    short = (1 - (high - low)).clamp(min=0) / 2
    low, high = (low - short)[..., None], (high + short)[..., None]
    cell = torch.arange(cells, device=low.device)
    return (torch.minimum(high, cell + 1) - torch.maximum(low, cell)).clamp(min=0) / (high - low)
