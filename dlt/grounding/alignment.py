"""Alignment: whether what lies below each other has its left edges in line, or its centres.

A box in a column is as wide as the column, of which a screenshot shows nothing. What is in it begins
at the column's left edge, or stands in its middle; which of both, lines of text and stacked boxes tell.
Boxes [N, 4] are left, top, right, bottom in px.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.rectangles import Boxes
from dlt.section.tree import children, subtree_ends

_FAR = 24.0  # px; what is further apart is no better evidence
_DOUBT = 6.0  # px by which one must be more in line than the other to count for half


def find_alignment(
    boxes: Boxes, lines: Mapping[int, Boxes], parents: Sequence[int]
) -> NDArray[np.floating]:
    """How far the subtree of each node is aligned left (1) or centred (-1), 0 where nothing tells;
    then the same of the whole section: [N, 2].

    Args:
        boxes: what nodes show, NaN where nothing.
        lines: the lines of texts, from above, by node.
    """
    off_n2 = np.zeros((len(parents), 2))  # px by which left edges, and centres, are out of line
    for node, own in lines.items():
        off_n2[node] += _off(own)
    for node, kids in enumerate(children(parents)):
        seen = boxes[[kid for kid in kids if not np.isnan(boxes[kid, 0])]]
        off_n2[node] += _off(seen)
    sums = np.vstack([np.zeros(2), np.cumsum(off_n2, axis=0)])
    off_n2 = sums[subtree_ends(parents)] - sums[:-1]
    left, centred = off_n2.T
    own = (centred - left) / (centred + left + _DOUBT)
    return np.column_stack([own, np.full(len(own), own[0])])


def _off(boxes: Boxes) -> NDArray[np.floating]:
    """By how much the left edges and the centres of boxes are off that of the box above: [2]."""
    a, b = boxes[:-1], boxes[1:]
    stacked = b[:, 1] > a[:, 3] - 2
    places = np.column_stack([boxes[:, 0], (boxes[:, 0] + boxes[:, 2]) / 2])
    return np.minimum(np.abs(np.diff(places, axis=0)), _FAR)[stacked].sum(0)
