"""Rectangles in a screenshot: boxes [K, 4] are left, top, right, bottom in px."""

import numpy as np
from numpy.typing import NDArray

WIDTH = 640  # px of the screenshots that are looked at: sizes in px are meant for it
MAX_LETTER = 44  # px, height: what is higher is no text

Pixels = NDArray[np.uint8]  # [height, WIDTH, 3]
Boxes = NDArray[np.floating]  # [K, 4]


def mirrored(boxes: Boxes) -> Boxes:
    """The same in a screenshot with left and right exchanged."""
    left, top, right, bottom = boxes.T
    return np.column_stack([WIDTH - right, top, WIDTH - left, bottom])


def overlap(a: Boxes, b: Boxes, axis: int) -> NDArray[np.floating]:
    """By how much boxes overlap along x (0) or y (1), in px; below 0 the gap between them."""
    return np.minimum(a[..., axis + 2], b[..., axis + 2]) - np.maximum(a[..., axis], b[..., axis])


def inside(inner: Boxes, outer: Boxes, margin: float) -> NDArray[np.bool_]:
    """Whether boxes lie in others, `margin` px away from their edges."""
    left, top, right, bottom = (inner[..., i] - outer[..., i] for i in range(4))
    across = (left >= margin) & (right <= -margin)
    return np.asarray(across & (top >= margin) & (bottom <= -margin))


def hulls(boxes: Boxes, group: NDArray[np.integer]) -> Boxes:
    """The hull of each group of boxes [K, 4]; groups [K] are numbered from 0 on."""
    out = np.tile([np.inf, np.inf, -np.inf, -np.inf], (group.max() + 1, 1))
    np.minimum.at(out[:, :2], group, boxes[:, :2])
    np.maximum.at(out[:, 2:], group, boxes[:, 2:])
    return out
