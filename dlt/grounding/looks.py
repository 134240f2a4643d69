"""How a node looks behind its children.

Whether there is a photo behind a section, or a plain colour: that is nowhere in a DOM without its styles.
Means over rectangles come from summed-area tables (Crow 1984). Axis suffixes: n node, y and x pixels,
c channel.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.blobs import contrast
from dlt.grounding.rectangles import WIDTH, Boxes, Pixels

NUM_LOOKS = 6  # see `find_looks`

_FLAT = 3  # contrast of neighbouring pixels, of 255: up to it they are of one colour
_SHARP = 30
_LEAST = 12.0  # px: of less, nothing is said

_FULL = np.array([255, 255, 255, 255**2 / 256, 1, 1])  # of a pixel in each channel

Floats = NDArray[np.floating]


def find_looks(pixels: Pixels, boxes: Boxes, parents: Sequence[int]) -> Floats:
    """Six numbers of what each node shows that is in none of its children: [N, NUM_LOOKS].

    They are: whether there is anything, the mean brightness, its deviation, how far the mean colour is
    from grey, and the shares of flat and of sharp pixels. All are 0 .. 1, and 0 where there is nothing.

    Args:
        pixels: [Y, X, 3] of a screenshot of any width.
        boxes: [N, 4] as of `Grounding`; the root is all of the screenshot, wherever it is.
    """
    size = pixels.shape[1::-1]
    shown = _rounded(boxes * pixels.shape[1] / WIDTH, size)
    shown[0] = [0, 0, *size]
    sums_nc = _sums(_summed(pixels), shown)
    own_nc = sums_nc.copy()
    np.subtract.at(own_nc, np.array(parents[1:], int), sums_nc[1:])
    areas = own_nc[:, -1]
    red, green, blue, square, flat, sharp = own_nc[:, :-1].T / np.maximum(areas, _LEAST)
    light = (red + green + blue) / 3
    deviation = np.sqrt(np.maximum(square - light**2, 0))
    grey = np.ptp([red, green, blue], axis=0)
    there = areas >= _LEAST
    looks = np.column_stack([there, light, deviation, grey, flat, sharp])
    return np.where(there[:, None], looks, 0).clip(0, 1)


def _summed(pixels: Pixels) -> NDArray[np.int32]:
    """The summed-area table [C, Y + 1, X + 1] of red, green, blue, squared brightness (as 0 .. 254),
    whether a pixel is flat, and whether it is sharp."""
    height, width = pixels.shape[:2]
    table_cyx = np.zeros((6, height + 1, width + 1), np.int32)
    within = table_cyx[:, 1:, 1:]
    within[:3] = np.moveaxis(pixels, 2, 0)
    within[3] = (within[:3].sum(0) // 3) ** 2 >> 8
    local = contrast(pixels)
    within[4, :-1, :-1] = local <= _FLAT
    within[5, :-1, :-1] = local > _SHARP
    within.cumsum(1, out=within)
    within.cumsum(2, out=within)
    return table_cyx


def _rounded(edges: Boxes, size: tuple[int, int]) -> NDArray[np.int64]:
    """Boxes [N, 4] in whole pixels of the screenshot; of none, one without any."""
    limits = np.tile(np.array(size), 2)
    return np.nan_to_num(edges).round().clip(0, limits).astype(np.int64)


def _sums(table_cyx: NDArray[np.int32], boxes: NDArray[np.int64]) -> Floats:
    """The sums over boxes, of colours and squares as fractions, and last their areas: [N, C + 1]."""
    left, top, right, bottom = boxes.T
    sums_cn = table_cyx[:, bottom, right] - table_cyx[:, top, right]
    sums_cn += table_cyx[:, top, left] - table_cyx[:, bottom, left]
    areas = (right - left) * (bottom - top)
    return np.column_stack([sums_cn.T / _FULL, areas])
