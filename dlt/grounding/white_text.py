"""White text on photos: contrast does not part it from what is behind it, but its colour does."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from dlt.grounding.rectangles import MAX_LETTER, Boxes, Pixels, hulls, overlap

_WHITE = 190  # of 255, in each colour
_HEIGHTS = (4, MAX_LETTER)  # px, of letters
_MAX_LETTERS = 1200  # in a screenshot with more, it is not letters that are white
_MIN_LETTERS = 4  # of a line
_EVEN = 2.2  # times as high as its letters a line is at most
_LONG = 2.5  # times as long as high it is at least
_SOFT = 0.5  # px that letters reach beyond what is white of them


def add_white_text(blobs: Boxes, pixels: Pixels) -> Boxes:
    """Blobs of a screenshot, with lines of white letters for the pieces that were found of them."""
    lines = _white_lines(pixels)
    common = _common(lines[:, None], blobs[None])
    height_l1, height_1k = np.diff(lines[:, 1::2]), np.diff(blobs[:, 1::2]).T
    alike = (height_1k <= MAX_LETTER) & (height_1k < 3 * height_l1)
    known = np.any((common > 0.5 * _area(lines)[:, None]) & alike, axis=1)
    pieces = np.any(common[~known] > 0.5 * _area(blobs), axis=0)
    return np.concatenate([blobs[~pieces], lines[~known]])


def _white_lines(pixels: Pixels) -> Boxes:
    """The lines [L, 4] of white letters."""
    letters = _white_letters(pixels)
    if not 0 < len(letters) <= _MAX_LETTERS:
        return np.empty((0, 4))
    line = connected_components(_on_a_line(letters), directed=False)[1]
    lines = hulls(letters, line)
    width, height = (lines[:, 2:] - lines[:, :2]).T
    mean = np.bincount(line, letters[:, 3] - letters[:, 1]) / np.bincount(line)
    text = (np.bincount(line) >= _MIN_LETTERS) & (height < _EVEN * mean) & (width > _LONG * height)
    return lines[text] + [-_SOFT, -_SOFT, _SOFT, _SOFT]


def _white_letters(pixels: Pixels) -> Boxes:
    """White connected components [K, 4] of the size and shape of letters."""
    red, green, blue = np.moveaxis(pixels >= _WHITE, 2, 0)
    labels, count = ndimage.label(red & green & blue, np.ones((3, 3)))
    slices = ndimage.find_objects(labels)
    boxes = np.array([[x.start, y.start, x.stop, y.stop] for y, x in slices], float).reshape(-1, 4)
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    filled = np.bincount(labels.ravel(), minlength=count + 1)[1:] / np.maximum(width * height, 1)
    low, high = _HEIGHTS
    return boxes[(height >= low) & (height <= high) & (width <= 3 * height + 4) & (filled < 0.95)]


def _on_a_line(boxes: Boxes) -> NDArray[np.bool_]:
    """Which letters [K, K] stand beside each other."""
    height = boxes[:, 3] - boxes[:, 1]
    higher, lower = np.maximum.outer(height, height), np.minimum.outer(height, height)
    a, b = boxes[:, None], boxes[None]
    beside = overlap(a, b, 0) > -0.9 * np.maximum(higher, 6)
    return beside & (overlap(a, b, 1) > 0.6 * lower) & (lower > 0.45 * higher)


def _area(boxes: Boxes) -> NDArray[np.floating]:
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)


def _common(a: Boxes, b: Boxes) -> NDArray[np.floating]:
    """The area that boxes have in common."""
    return overlap(a, b, 0).clip(0) * overlap(a, b, 1).clip(0)
