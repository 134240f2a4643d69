"""What boxes are compared by: paintings, intersection over union, alignment and overlap."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.evaluate.teds import Placed
from dlt.section.roles import ROLES
from dlt.section.tree import Box

GRID = 128  # cells along each side of a painting
ALIGNED_WITHIN = 0.02  # distance, as a fraction of the screenshot, at which alignment is lost

_ROUNDING = 1e-6  # cells; x + w of a box that ends on a cell's edge may be a rounding error beyond
_PAINT = {role: i + 1 for i, role in enumerate(ROLES)}


def paint(elements: Sequence[Placed]) -> NDArray[np.uint8]:
    """Paint elements in pre-order, the later over the earlier, on a GRID×GRID canvas.

    A cell holds 1 + the index in ROLES of the last element that touches it, or 0. An element
    touches the cells from the floor of its first edge to the ceiling of its last one, and at least
    one cell; what lies outside of the screenshot is clipped.
    """
    canvas = np.zeros((GRID, GRID), np.uint8)
    for element in elements:
        assert element.box is not None
        x, y, w, h = element.box
        canvas[_cells(y, h), _cells(x, w)] = _PAINT[element.role]
    return canvas


def painting_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean intersection over union of the areas of each role that is to be seen in a or in b."""
    colours = len(ROLES) + 1
    codes = a.ravel().astype(np.intp) * colours + b.ravel()
    counts = np.bincount(codes, minlength=colours**2).reshape(colours, colours)
    both = np.diagonal(counts)[1:]
    either = counts.sum(axis=0)[1:] + counts.sum(axis=1)[1:] - both
    seen = either > 0
    return float(np.mean(both[seen] / either[seen]))


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; two equal boxes have 1 even where their area is 0."""
    union = _intersection(a, a) + _intersection(b, b) - _intersection(a, b)
    return _intersection(a, b) / union if union > 0 else float(a == b)


def aesthetic_score(elements: Sequence[Placed]) -> float | None:
    """100 × (1 − (A + O) / 2), from alignment and overlap of siblings; None without siblings.

    A is the mean, over elements with a sibling, of the smallest distance of one of the element's
    six coordinates (left, centre, right, top, middle, bottom) to the same coordinate of a sibling,
    in units of ALIGNED_WITHIN and at most 1. O is the mean, over pairs of siblings, of their
    intersection divided by the smaller area (0 where that area is 0).
    """
    families: dict[int, list[Box]] = {}
    for element in elements:
        assert element.box is not None
        families.setdefault(element.parent, []).append(element.box)
    misaligned: list[float] = []
    overlaps: list[float] = []
    for boxes in families.values():
        if len(boxes) > 1:
            misaligned.extend(_misalignment(np.array(boxes)))
            overlaps.extend(_overlaps(np.array(boxes)))
    if not overlaps:
        return None
    return 100.0 * (1.0 - (float(np.mean(misaligned)) + float(np.mean(overlaps))) / 2.0)


def _cells(start: float, length: float) -> slice:
    first = math.floor(start * GRID + _ROUNDING)
    last = math.ceil((start + length) * GRID - _ROUNDING)
    first = min(max(first, 0), GRID - 1)
    return slice(first, min(max(last, first + 1), GRID))


def _intersection(a: Box, b: Box) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _misalignment(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of n ≥ 2 sibling boxes (n, 4), its distance to alignment with any other, 0 to 1."""
    starts, sizes = boxes[:, :2], boxes[:, 2:]
    coordinates = np.concatenate([starts, starts + sizes / 2, starts + sizes], axis=1)
    order = coordinates.argsort(axis=0)  # the nearest in a coordinate is a neighbour in its order
    gaps = np.diff(np.take_along_axis(coordinates, order, axis=0), axis=0)
    beyond = np.full((1, coordinates.shape[1]), np.inf)
    nearest = np.empty_like(coordinates)
    between = np.minimum(np.concatenate([beyond, gaps]), np.concatenate([gaps, beyond]))
    np.put_along_axis(nearest, order, between, axis=0)
    return np.minimum(nearest.min(axis=1) / ALIGNED_WITHIN, 1.0)


def _overlaps(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each pair of n ≥ 2 sibling boxes (n, 4), intersection divided by the smaller area."""
    starts, ends = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    areas = (ends - starts).prod(axis=1)
    i, j = np.triu_indices(len(boxes), k=1)
    sides = np.minimum(ends[i], ends[j]) - np.maximum(starts[i], starts[j])
    inside = np.maximum(sides, 0.0).prod(axis=1)
    smaller = np.minimum(areas[i], areas[j])
    return np.divide(inside, smaller, out=np.zeros_like(inside), where=smaller > 0)
