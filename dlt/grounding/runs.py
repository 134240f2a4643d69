"""Runs: what a leaf can be in a screenshot, and what it costs by what both look like.

A run is a blob, or a stack of blobs that can be the lines of one text. Axis suffixes: s run, k blob.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.costs import COSTS
from dlt.grounding.glyphs import ASCENT, DESCENT, reach
from dlt.grounding.leaves import Leaf
from dlt.grounding.rectangles import MAX_LETTER, Boxes, inside, overlap

Floats = NDArray[np.floating]

_MAX_LINES = 24  # of a text
_CHARACTER = (0.50, 0.57)  # em, width of one, and of a bold one
_LINE = ASCENT + DESCENT  # em, of the ink of a line with all kinds of letters
_STACK = 8.0  # that what is no text is several blobs


@dataclass(frozen=True)
class Runs:
    """The runs of a screenshot."""

    blobs_k4: Boxes
    boxes_s4: Boxes
    members_sk: Floats  # 1: has the blob
    lines_s: NDArray[np.int64]
    height_s: Floats  # px, of a line
    log_height_s: Floats
    room_s: Floats  # the widths of its lines, each over its height, added up
    first_s: NDArray[np.int64]  # the blob of its first line
    last_s: NDArray[np.int64]
    framed_s: NDArray[np.bool_]  # closely, as a button's text is
    uneven_s: Floats  # the logarithm of how much higher the highest line is than the lowest
    ragged_s: Floats  # 1 - the shortest line that is not the last over the longest


def find_runs(blobs: Boxes) -> Runs:
    """Each blob, and each stack of up to 24 that follow from it downwards."""
    blobs = blobs.astype(np.float32)
    stacks = list(_stacks(_line_below(blobs)))
    lines_s = np.array([len(stack) for stack in stacks])
    members_sk = np.zeros((len(stacks), len(blobs)), np.float32)
    members_sk[np.repeat(np.arange(len(stacks)), lines_s), np.concatenate(stacks)] = 1
    width_k, height_k = (blobs[:, 2:] - blobs[:, :2]).T
    starts = np.cumsum(lines_s) - lines_s
    lines = blobs[np.concatenate(stacks)]
    low, high = (f.reduceat(lines, starts) for f in (np.minimum, np.maximum))
    boxes_s4 = np.hstack([low[:, :2], high[:, 2:]])
    height_s = members_sk @ height_k / lines_s
    return Runs(
        blobs_k4=blobs,
        boxes_s4=boxes_s4,
        members_sk=members_sk,
        lines_s=lines_s,
        height_s=height_s,
        log_height_s=np.log(np.maximum(height_s, 1)),
        room_s=members_sk @ (width_k / np.maximum(height_k, 4)),
        first_s=np.array([stack[0] for stack in stacks]),
        last_s=np.array([stack[-1] for stack in stacks]),
        framed_s=_closely_framed(boxes_s4, blobs),
        **_regularity(lines, starts),
    )


def _stacks(below: Sequence[int]) -> Iterator[list[int]]:
    """Each blob with each number of those that follow from it."""
    for first in range(len(below)):
        stack = [first]
        yield stack
        while len(stack) < _MAX_LINES and below[stack[-1]] >= 0:
            stack = [*stack, below[stack[-1]]]
            yield stack


def _regularity(lines: Boxes, starts: NDArray[np.int64]) -> dict[str, Floats]:
    """How uneven and how ragged stacks are: of the boxes [L, 4] of all their lines, one stack after
    the other, and where each begins."""
    width, height = (lines[:, 2:] - lines[:, :2]).T
    log_height = np.log(np.maximum(height, 1))
    uneven = np.maximum.reduceat(log_height, starts) - np.minimum.reduceat(log_height, starts)
    widest = np.maximum.reduceat(width, starts)
    last = np.append(starts[1:], len(lines)) - 1
    width[last] = np.inf
    narrowest = np.minimum.reduceat(width, starts)
    ragged = np.where(np.isinf(narrowest), 0, 1 - narrowest / np.maximum(widest, 1))
    return {"uneven_s": uneven, "ragged_s": ragged}


def _line_below(blobs: Boxes) -> list[int]:
    """Of each blob the nearest one that can be the next line of its text, or -1."""
    width, height = (blobs[:, 2:] - blobs[:, :2]).T
    a, b = blobs[:, None], blobs[None]
    gap = b[..., 1] - a[..., 3]
    higher, lower = np.maximum.outer(height, height), np.minimum.outer(height, height)
    fits = (overlap(a, b, 0) > 0.5 * np.minimum.outer(width, width)) & (higher < 1.8 * lower)
    fits &= (gap > -0.35 * height[:, None]) & (gap < 1.5 * higher)
    fits &= (b[..., 1] > a[..., 1] + 2) & (height < MAX_LETTER)[:, None]
    return np.where(fits.any(1), np.where(fits, gap, np.inf).argmin(1), -1).tolist()


def _closely_framed(boxes: Boxes, blobs: Boxes) -> NDArray[np.bool_]:
    """Whether each box lies in a blob that is not much larger."""
    size, frame = (x[:, 2:] - x[:, :2] for x in (boxes, blobs))
    most = np.minimum(np.maximum(4 * size, [0, 20]), [300, np.inf])
    close = (frame < most[:, None]).all(-1)
    return np.any(close & inside(boxes[:, None], blobs[None], 1), axis=1)


def fit_costs(leaf: Leaf, runs: Runs) -> Floats:
    """What it costs [S] that a leaf is a run."""
    if leaf.kind in ("text", "link"):
        return _text_costs(leaf, runs)
    wide, height = (runs.boxes_s4[:, 2:] - runs.boxes_s4[:, :2]).T
    stack = np.where(runs.lines_s > 1, _STACK, -COSTS.claim)
    if leaf.kind == "picture":
        small = COSTS.small * ((wide <= 30) | (height <= 30))
        return stack + small + 0.4 * np.exp(-wide * height / 8000)
    if leaf.kind == "icon":
        oblong = COSTS.oblong * np.abs(np.log(np.maximum(wide, 1) / np.maximum(height, 1)))
        return stack + oblong + 2 * (height > 70) + 1.5 * (height < 8)
    if leaf.kind == "field":
        return stack + np.where((wide > 60) & (height > 14) & (height < 140), 0.2, 2)
    line = (height <= 5) & (wide > 12)
    if leaf.kind == "rule":
        return stack + np.where(line, -2.1, 3)
    return stack + np.where(line, -2.1, 0.4)


def _text_costs(leaf: Leaf, runs: Runs) -> Floats:
    room_s = runs.room_s * _line(leaf, runs.lines_s) / _CHARACTER[leaf.bold]
    excess = np.log((len(leaf.text) + 0.7) / (room_s + 0.7))
    length = np.where(excess > 0, COSTS.length, -COSTS.cut if leaf.cut else -COSTS.length) * excess
    size = COSTS.size * ((runs.height_s > MAX_LETTER) | (runs.height_s < 5))
    bare = COSTS.bare * ~runs.framed_s if leaf.kind == "link" else 0
    lines = COSTS.uneven * runs.uneven_s + COSTS.ragged * runs.ragged_s
    claim = COSTS.claim * np.minimum(runs.lines_s, 10)
    return length + size + bare + lines - claim


def _line(leaf: Leaf, lines_s: NDArray[np.int64]) -> Floats:
    """How high the ink of a leaf's lines is [S], in em: one line has the letters that it has."""
    return np.where(lines_s > 1, _LINE, sum(reach(leaf.text)) if leaf.text else _LINE)


def log_em(leaf: Leaf, runs: Runs) -> Floats:
    """The logarithm of the size of a leaf's type [S], in px, if it is a run."""
    return runs.log_height_s - np.log(_line(leaf, runs.lines_s))


def line_box(leaf: Leaf, runs: Runs, run: int) -> Boxes:
    """The box [4] of a text that is a run, as if there were all kinds of letters in its lines."""
    left, top, right, bottom = runs.boxes_s4[run]
    first, last = runs.blobs_k4[[runs.first_s[run], runs.last_s[run]]]
    widths_k = runs.blobs_k4[:, 2] - runs.blobs_k4[:, 0]
    letters = len(leaf.text) / max(runs.members_sk[run] @ widths_k, 1)  # on a px
    above, below = reach(leaf.text[: round(letters * (first[2] - first[0]))])
    top -= (ASCENT - above) / (above + below) * (first[3] - first[1])
    if not leaf.cut:  # else who knows what its last line is
        above, below = reach(leaf.text[-round(letters * (last[2] - last[0])) :])
        bottom += (DESCENT - below) / (above + below) * (last[3] - last[1])
    return np.array([left, top, right, bottom])
