"""Hairlines: rules so faint that their contrast does not tell them from noise.

A border of one CSS pixel in light grey is half a pixel of it in a screenshot of half the size. But it
is level, and as long as what it divides.
"""

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.rectangles import Boxes, Pixels

_MAX_HAIRLINES = 20  # the longest ones
_LENGTH = 40  # px at least
_FAINT = 5  # of 255: from what lies above and below it, at least
_FLAT = 3  # of 255: what lies above it from what lies below it, at most
_REACH = 2  # px: above and below a line, also of two rows, there is none of it
_NEAR = 3  # px: where there is ink so near, the line is part of something else
_INKY = 0.05  # share of these pixels


def find_hairlines(pixels: Pixels, ink: NDArray[np.bool_]) -> Boxes:
    """Level lines of little contrast [K, 4], not near what stands out by its contrast.

    Args:
        ink: where the contrast is [height - 1, WIDTH - 1].
    """
    grey = pixels.mean(2, dtype=np.float32)
    lines = np.concatenate([_level_runs(grey), _level_runs(-grey)])
    kept: list[NDArray[np.int64]] = []
    for line in lines[np.argsort(lines[:, 0] - lines[:, 2], kind="stable")]:
        if len(kept) == _MAX_HAIRLINES:
            break
        left, top, right, bottom = line
        near = ink[max(top - _NEAR, 0) : bottom + _NEAR, left:right]
        beside = any(
            abs(top - other[1]) <= _REACH and min(right, other[2]) > max(left, other[0])
            for other in kept
        )
        if not beside and near.mean() <= _INKY:
            kept.append(line)
    return np.array(kept, float).reshape(-1, 4)


def _level_runs(grey: NDArray[np.float32]) -> NDArray[np.int64]:
    """Runs of pixels that are darker than what lies above and below them [K, 4]."""
    above, own, below = grey[: -2 * _REACH], grey[_REACH:-_REACH], grey[2 * _REACH :]
    dark = (above - own >= _FAINT) & (below - own >= _FAINT) & (np.abs(above - below) <= _FLAT)
    rows = np.flatnonzero(np.count_nonzero(dark, axis=1) >= _LENGTH)
    edges = np.diff(np.pad(dark[rows], ((0, 0), (1, 1))).astype(np.int8), axis=1)
    number, start = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    long = end - start >= _LENGTH
    top = rows[number[long]] + _REACH
    return np.column_stack([start[long], top, end[long], top + 1])
