"""What stands out in a screenshot: lines of text, icons, pictures and frames, as rectangles.

Page segmentation from the bottom up: connected components of contrast, of which those that follow
each other on a line of text are joined by their distance, as in the docstrum (O'Gorman 1993).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from dlt.grounding.hairlines import find_hairlines
from dlt.grounding.rectangles import MAX_LETTER, Boxes, Pixels, hulls, inside, overlap
from dlt.grounding.white_text import add_white_text

_MAX_BLOBS = 160  # the largest ones
_MAX_PIECES = 1200
_CONTRAST = 30  # between neighbouring pixels, of 255
PICTURE = 36  # px, both sides: what is smaller is no picture
_PLAIN = 0.35  # share of its most frequent colour above which a large thing is a frame, no picture
_DENSE = 0.3  # share of ink above which it is one all the same
_CLOSED = 0.85  # share of ink along each side of a rectangle that is whole
_LINES = 12  # as many, each way, may be sides of it
_PART = 0.9  # share of a blob above which such a rectangle is no part, but all of it
_FILLED = 0.95  # share of a blob above which two rectangles are all of it: a picture in two halves
_BACKGROUND = 0.7  # share of the screenshot above which a picture is what all else lies on
_WORD_GAP = 0.9  # of a letter's height
_SIGN = 3.0  # times the height of a text: what is higher beside it does not widen its gaps


def find_blobs(pixels: Pixels) -> Boxes:
    """The blobs of a screenshot WIDTH px wide: at most 160, the largest, and at most 20 hairlines."""
    ink = contrast(pixels) > _CONTRAST
    pieces = _largest(_without_insides(_pieces(ink, pixels), pixels, ink), _MAX_PIECES)
    blobs = _largest(add_white_text(_joined(_joined(pieces)), pixels), _MAX_BLOBS)
    return np.concatenate([blobs, find_hairlines(pixels, ink)])


def contrast(pixels: Pixels) -> NDArray[np.uint8]:
    """How far the 2 × 2 pixels from each one on differ at most in a colour: [height - 1, WIDTH - 1]."""
    high, low = pixels, pixels
    for a, b in (np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:]):
        high, low = np.maximum(high[a], high[b]), np.minimum(low[a], low[b])
    red, green, blue = np.moveaxis(high - low, 2, 0)
    return np.maximum(np.maximum(red, green), blue)


def _pieces(ink: NDArray[np.bool_], pixels: Pixels) -> Boxes:
    """The connected components of ink, but two boxes for two pictures of which one lies on the other."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    specks = np.bincount(labels.ravel(), minlength=count + 1)[1:] < 3
    found = [np.empty((0, 4), int)]
    for i, (y, x) in enumerate(ndimage.find_objects(labels)):
        # the square at 0 is about the border at 1
        whole = np.array([[x.start + 1, y.start + 1, x.stop, y.stop]])
        if min(y.stop - y.start, x.stop - x.start) > PICTURE:
            parts = _apart(labels[y, x] == i + 1) + whole[0, [0, 1, 0, 1]]
            if len(parts) and all(_is_picture(part, pixels, ink) for part in parts):
                whole = parts
        if not specks[i]:
            found.append(whole)
    return np.concatenate(found).astype(float)


def _apart(piece: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The two rectangles [2, 4] that a piece [height, width] is; [0, 4] where it is not two."""
    upper = _whole_rectangle(piece)
    if upper is None:
        return np.empty((0, 4), int)
    rest = piece.copy()
    left, top, right, bottom = np.maximum(upper + [-3, -3, 3, 3], 0)
    rest[top:bottom, left:right] = False
    y, x = np.flatnonzero(rest.any(1)), np.flatnonzero(rest.any(0))
    if not len(y):
        return np.empty((0, 4), int)
    both = np.array([[x[0], y[0], x[-1], y[-1]], upper])
    sizes = both[:, 2:] - both[:, :2]
    common = (both[:, 2:].min(0) - both[:, :2].max(0)).clip(0).prod()
    filled = sizes.prod(1).sum() - common > _FILLED * piece.size
    return both[:0] if filled or (sizes < PICTURE).any() else both


def _whole_rectangle(piece: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """The largest rectangle [4] with ink along all its sides, unless it is as large as the piece."""
    x, y = _lines(piece.T), _lines(piece)
    near = np.pad(piece, 1)  # lines may be a pixel off
    upright = near[1:-1, :-2] | near[1:-1, 1:-1] | near[1:-1, 2:]
    level = near[:-2, 1:-1] | near[1:-1, 1:-1] | near[2:, 1:-1]
    above = np.pad(upright.cumsum(0), ((1, 0), (0, 0)))
    before = np.pad(level.cumsum(1), ((0, 0), (1, 0)))
    left, top, right, bottom = (each.ravel() for each in np.meshgrid(x, y, x, y, indexing="ij"))
    wide, high = right - left, bottom - top
    sides = [(above[bottom, k] - above[top, k]) / np.maximum(high, 1) for k in (left, right)]
    sides += [(before[k, right] - before[k, left]) / np.maximum(wide, 1) for k in (top, bottom)]
    large = (np.minimum(wide, high) >= PICTURE) & (np.min(sides, axis=0) > _CLOSED)
    area = np.where(large, wide * high, 0)
    if not area.size or not 0 < area.max() < _PART * piece.size:
        return None
    best = area.argmax()
    return np.array([left[best], top[best], right[best], bottom[best]])


def _lines(ink: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The rows with the longest runs of ink, one of neighbours, from above."""
    count = ink.cumsum(1)
    runs = count - np.maximum.accumulate(np.where(ink, 0, count), axis=1)
    longest = runs.max(1)
    groups, number = ndimage.label(longest >= PICTURE)
    peaks = ndimage.maximum_position(longest, groups, range(1, number + 1))
    rows = np.array([row for (row,) in peaks], int)
    return np.sort(rows[np.argsort(-longest[rows], kind="stable")[:_LINES]])


def _without_insides(boxes: Boxes, pixels: Pixels, ink: NDArray[np.bool_]) -> Boxes:
    """Boxes without those that lie in a picture: what is shown there is no part of the page."""
    kept = np.ones(len(boxes), bool)
    sizes = boxes[:, 2:] - boxes[:, :2]
    large = (sizes >= PICTURE).all(1) & (sizes.prod(1) < _BACKGROUND * pixels[..., 0].size)
    for i in np.flatnonzero(large):
        if _is_picture(boxes[i], pixels, ink):
            others = np.arange(len(boxes)) != i
            kept &= ~(inside(boxes, boxes[i], -1) & others)
    return boxes[kept]


def _is_picture(box: Boxes, pixels: Pixels, ink: NDArray[np.bool_]) -> bool:
    """Whether no colour fills much of a box [4], or ink does, as in a QR code."""
    left, top, right, bottom = box.astype(int)
    within = np.s_[top + 2 : bottom - 2 : 2, left + 2 : right - 2 : 2]
    colours = (pixels[within].reshape(-1, 3) >> 4).astype(int) @ [256, 16, 1]
    plain = np.bincount(colours).max() >= _PLAIN * len(colours)
    return not plain or bool(ink[within].mean() > _DENSE)


def _joined(boxes: Boxes) -> Boxes:
    """Letters joined to lines of text, and accents to letters."""
    if not len(boxes):
        return boxes
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    letter = (height <= MAX_LETTER) & (width <= 10 * np.maximum(height, 8))
    a, b = boxes[:, None], boxes[None]
    beside, above = -overlap(a, b, 0), -overlap(a, b, 1)  # the gaps
    higher, lower = np.maximum.outer(height, height), np.minimum.outer(height, height)
    reach = np.maximum(np.minimum(higher, _SIGN * lower), 6)
    on_a_line = (above < -0.4 * lower) & (beside < _WORD_GAP * reach)
    on_a_line &= lower > 0.12 * higher
    accent = (beside < -0.5 * np.minimum.outer(width, width)) & (above < 2.5)
    accent &= (lower < 0.6 * higher) & (higher < 30)
    framed = inside(a, b, 1) | inside(b, a, 1)
    joined = (on_a_line | accent) & ~framed & letter[:, None] & letter
    return hulls(boxes, connected_components(joined, directed=False)[1])


def _largest(boxes: Boxes, count: int) -> Boxes:
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return boxes[np.sort(np.argsort(-area, kind="stable")[:count])]
