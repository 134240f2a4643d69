"""Runs: what a leaf can be in a screenshot, and what it costs.

A run is a blob, or a stack of blobs that can be the lines of one text. Costs are about negative
log-likelihoods. Their weights were found by a search on training sections (docs/grounding.md).
Axis suffixes: s run, k blob.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.blobs import MAX_LETTER, Boxes, inside, overlap
from dlt.grounding.leaves import Leaf

Floats = NDArray[np.floating]

# that a leaf is nowhere to be seen: empty ones mostly aren't
UNSEEN = {
    "text": 9.0,
    "link": 9.0,
    "picture": 6.0,
    "icon": 1.7,
    "field": 3.5,
    "rule": 1.6,
    "blank": 0.2,
}

_MAX_LINES = 9  # of a text
_EM = 0.59  # width of a character over the height of its line's ink
_NEVER = 9.0
_CLAIM = 0.3  # gained by every blob that has an owner


@dataclass(frozen=True)
class Runs:
    """The runs of a screenshot."""

    boxes_s4: Boxes
    lines_s: NDArray[np.int64]
    height_s: Floats  # px, of a line
    capacity_s: Floats  # characters
    framed_s: NDArray[np.bool_]  # closely, as a button's text is
    members_sk: NDArray[np.bool_]


def find_runs(blobs: Boxes) -> Runs:
    """Each blob, and each stack of up to 9 that follow from it downwards."""
    below = _line_below(blobs)
    members = []
    for first in range(len(blobs)):
        members.append([first])
        while len(members[-1]) < _MAX_LINES and below[members[-1][-1]] >= 0:
            members.append([*members[-1], below[members[-1][-1]]])
    members_sk = np.zeros((len(members), len(blobs)), bool)
    for row, run in zip(members_sk, members, strict=True):
        row[run] = True
    width_k, height_k = (blobs[:, 2:] - blobs[:, :2]).T
    low = np.where(members_sk[..., None], blobs[:, :2], np.inf).min(1)
    high = np.where(members_sk[..., None], blobs[:, 2:], -np.inf).max(1)
    boxes_s4 = np.hstack([low, high])
    lines_s = members_sk.sum(1)
    return Runs(
        boxes_s4=boxes_s4,
        lines_s=lines_s,
        height_s=members_sk @ height_k / lines_s,
        capacity_s=members_sk @ (width_k / np.maximum(height_k, 4)) / _EM,
        framed_s=_closely_framed(boxes_s4, blobs),
        members_sk=members_sk,
    )


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


def fit(leaf: Leaf, runs: Runs) -> Floats:
    """What it costs [S] that a leaf is a run, by what both look like."""
    width, height = (runs.boxes_s4[:, 2:] - runs.boxes_s4[:, :2]).T
    if leaf.kind in ("text", "link"):
        length = np.abs(np.log((leaf.characters + 0.7) / (runs.capacity_s + 0.7)))
        size = 2.3 * ((runs.height_s > MAX_LETTER) | (runs.height_s < 5))
        bare = 1.5 * ~runs.framed_s if leaf.kind == "link" else 0
        return 4 * length + size + bare - _CLAIM * runs.lines_s
    stack = np.where(runs.lines_s > 1, 8.0, -_CLAIM)
    if leaf.kind == "picture":
        small = 3.2 * ((width <= 30) | (height <= 30))
        return stack + small + 0.4 * np.exp(-width * height / 8000)
    if leaf.kind == "icon":
        oblong = 1.2 * np.abs(np.log(np.maximum(width, 1) / np.maximum(height, 1)))
        return stack + oblong + 2 * (height > 70) + 1.5 * (height < 8)
    if leaf.kind == "field":
        return stack + np.where((width > 60) & (height > 14) & (height < 140), 0.2, 2)
    line = (height <= 5) & (width > 12)
    if leaf.kind == "rule":
        return stack + np.where(line, -2.1, 3)
    return stack + np.where(line, -2.1, 0.4)


def begin(runs: Runs) -> Floats:
    """What it costs [S] to begin to read at a run: at the top, and on the left."""
    return np.minimum(runs.boxes_s4[:, 1] / 80, 3) + runs.boxes_s4[:, 0] / 1500


def follow(runs: Runs, repeated: bool) -> Floats:
    """What it costs [S, S] to read on from one run (rows) at another (columns): below it, in the
    next column, or in the next row; `repeated` as of a `Leaf`."""
    boxes = runs.boxes_s4
    a, b = boxes[:, None], boxes[None]
    down, right, beside = b[..., 1] - a[..., 3], b[..., 0] - a[..., 2], overlap(a, b, 0)
    width, middle = boxes[:, 2] - boxes[:, 0], (boxes[:, 1] + boxes[:, 3]) / 2
    level = np.abs(np.subtract.outer(middle, middle)) < 12
    higher = (b[..., 1] < a[..., 1] - 12) & ~level
    askew = beside < 0.5 * np.minimum.outer(width, width)
    within = inside(b, a, -1)

    below = np.maximum(down, 0) / 53 + 0.23 * askew + 0.3 * np.minimum(_skipped(runs), 6)
    next_column = 1.7 + np.maximum(right, 0) / 144 - 0.9 * level + 0.4 * (down > 3)
    next_column -= 0.6 if repeated else 0.8 * higher
    next_row = (0.5 if repeated else 1.6) + np.maximum(down, 0) / 220
    cost = np.where(within, 2.7, 4.2)
    for move, possible in (
        (below, (down > -3) & (beside > 0)),
        (next_column, right > -2),
        (next_row, (down > -3) & (b[..., 2] <= a[..., 0] + 2)),
    ):
        cost = np.where(possible, np.minimum(cost, move), cost)
    mingled = (overlap(a, b, 1) > 3) & (beside > 3) & ~within
    return np.where(mingled, _NEVER, cost)


def _skipped(runs: Runs) -> Floats:
    """How many blobs [S, S] lie under one run and over another."""
    boxes, blobs = runs.boxes_s4, runs.boxes_s4[runs.lines_s == 1]
    a, b = boxes[:, None], blobs[None]
    beside = overlap(a, b, 0) > 0
    under, over = beside & (b[..., 1] >= a[..., 3] - 3), beside & (b[..., 3] <= a[..., 1] + 3)
    return under.astype(np.float32) @ over.T.astype(np.float32)


def sharing(runs: Runs) -> NDArray[np.bool_]:
    """Whether runs have a blob in common [S, S]."""
    members = runs.members_sk.astype(np.float32)
    return members @ members.T > 0
