"""Geometry of boxes.

Boxes are [..., 4]: centre x, centre y, width, height as fractions of the screenshot, unless said
otherwise. Axis suffixes: b section, n node.
"""

import torch
from torch import Tensor

MIN_SIZE = 0.005  # of a box that others are relative to
SIGNAL_SCALE = 2.0  # clean box coordinates lie in -2 .. 2 (DiffusionDet, Chen et al. 2023, table 3)
_SAME_EDGE = 5e-4  # layout.json has four decimals


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


def of_parents(boxes: Tensor, parents: Tensor) -> Tensor:
    """The boxes [B, N, 4] of the parents [B, N] of nodes."""
    return boxes.gather(1, parents[..., None].expand_as(boxes))


def into_frames(relative: Tensor, frames: Tensor) -> Tensor:
    """Boxes as fractions of frames, which are boxes → boxes."""
    frame_centre, frame_size = frames.split(2, dim=-1)
    centre = frame_centre + frame_size * (relative[..., :2] - 0.5)
    return torch.cat([centre, frame_size * relative[..., 2:]], dim=-1)


def relative_boxes(boxes: Tensor, frames: Tensor) -> Tensor:
    """The inverse of `into_frames`; a frame counts as at least MIN_SIZE wide and high."""
    frame_size = frames[..., 2:].clamp(min=MIN_SIZE)
    centre = (boxes[..., :2] - frames[..., :2]) / frame_size + 0.5
    return torch.cat([centre, boxes[..., 2:] / frame_size], dim=-1)


def touching(boxes: Tensor, frames: Tensor) -> Tensor:
    """Which edges of boxes are where those of their frames are: bool [..., 4], as from `edges`."""
    return same_edge(edges(boxes), edges(frames))


def same_edge(a: Tensor, b: Tensor) -> Tensor:
    """Which edges are the same, but for rounding."""
    return (a - b).abs() < _SAME_EDGE


def edges(boxes: Tensor) -> Tensor:
    """Centre and size [..., 4] → low and high edges [..., 4]: left, top, right, bottom."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def between(edges_bn4: Tensor) -> Tensor:
    """The inverse of `edges`; a high edge below a low one makes a size of 0."""
    low, high = edges_bn4.split(2, dim=-1)
    return torch.cat([(low + high) / 2, (high - low).clamp(min=0)], dim=-1)
