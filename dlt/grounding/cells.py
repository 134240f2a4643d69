"""Cells: how wide things are that stand side by side.

The edges of a column are not to be seen, but its neighbours are: equal columns are as far from each
other as they are wide. Measured between the centres of what columns hold, which is right where it is
centred, and between the left edges. Boxes [N, 4] are left, top, right, bottom in px.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.rectangles import Boxes, overlap
from dlt.section.tree import children

Places = NDArray[np.floating]  # along x, px

_OVERLAP = 4.0  # px that neighbours may overlap by


def find_cells(boxes: Boxes, parents: Sequence[int]) -> tuple[Boxes, Boxes, NDArray[np.bool_]]:
    """The cells of nodes by the centres of their boxes, and by the left edges; NaN where none is.

    A node in no row has the hull of its children's cells. Cells are as high as the boxes. Last comes
    which nodes [N] are in a row.
    """
    by_centre, by_left = np.full_like(boxes, np.nan), np.full_like(boxes, np.nan)
    for row in _rows(boxes, parents):
        left, _, right, _ = boxes[row].T
        by_centre[np.ix_(row, [0, 2])] = _between((left + right) / 2)
        by_left[np.ix_(row, [0, 2])] = _from(left)
    in_row = ~np.isnan(by_centre[:, 0])
    for cells in by_centre, by_left:
        _fill_parents(cells, parents)
        cells[:, [1, 3]] = np.where(np.isnan(cells[:, :1]), np.nan, boxes[:, [1, 3]])
    return by_centre, by_left, in_row


def _rows(boxes: Boxes, parents: Sequence[int]) -> Iterator[list[int]]:
    """Siblings that stand side by side, two or more, from left to right."""
    for kids in children(parents):
        row: list[int] = []
        for kid in kids:
            if row and not _beside(boxes, row, kid):
                yield from _ordered(row, boxes)
                row = []
            if not np.isnan(boxes[kid, 0]):
                row.append(kid)
        yield from _ordered(row, boxes)


def _beside(boxes: Boxes, row: Sequence[int], kid: int) -> bool:
    """Whether a node goes on with a row, in the direction in which it runs."""
    a, b = boxes[row[-1]], boxes[kid]
    if overlap(a, b, 0) > _OVERLAP or not overlap(a, b, 1) > 0:
        return False
    return len(row) < 2 or (b[0] > a[0]) == (a[0] > boxes[row[-2], 0])


def _ordered(row: list[int], boxes: Boxes) -> Iterator[list[int]]:
    if len(row) > 1:
        yield sorted(row, key=lambda i: boxes[i, 0])


def _between(centres: Places) -> Places:
    """Left and right [K, 2] of cells that meet in the middle between their centres [K]."""
    middle = (centres[1:] + centres[:-1]) / 2
    bounds = np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
    return np.column_stack([bounds[:-1], bounds[1:]])


def _from(lefts: Places) -> Places:
    """Left and right [K, 2] of cells that begin at `lefts` [K]; the last is as wide as most."""
    return np.column_stack([lefts, [*lefts[1:], lefts[-1] + np.median(np.diff(lefts))]])


def _fill_parents(cells: Boxes, parents: Sequence[int]) -> None:
    """Give nodes without a cell of their own the hull of their children's, from the leaves up."""
    own = ~np.isnan(cells[:, 0])
    for i in range(len(parents) - 1, 0, -1):
        parent = parents[i]
        if not own[parent] and not np.isnan(cells[i, 0]):
            cells[parent, 0] = np.fmin(cells[parent, 0], cells[i, 0])
            cells[parent, 2] = np.fmax(cells[parent, 2], cells[i, 2])
