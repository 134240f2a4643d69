"""Moves: how one reads on in a screenshot, and what that costs.

The subtrees of siblings show disjoint rectangles. So where a leaf is depends on the rectangle of the
subtree that ended before it: it is mostly below that, or to its right. Axis suffixes: h hypothesis,
c candidate (a run), d depth, g look, k blob.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.costs import COSTS, Moves
from dlt.grounding.leaves import Leaf
from dlt.grounding.rectangles import WIDTH, Boxes, inside, overlap
from dlt.grounding.runs import Floats, Runs, log_em

_ALIGNED = 4  # px by which edges are off, less than which they are in line
_TOUCH = 3  # px by which boxes overlap that are still beside or below each other
_NOWHERE = np.array([np.inf, np.inf, -np.inf, -np.inf], np.float32)
_PAGE = np.array([0, 0, WIDTH, 0], np.float32)  # what the first leaf is below
_PACK = 8192.0 ** np.arange(4)  # makes one number of a box


@dataclass(frozen=True)
class State:
    """What H hypotheses know of the leaves that they have assigned."""

    taken_hk: Floats  # 1: a blob has an owner
    hulls_hd4: Boxes  # what the open nodes show so far, from the root; low edges inf: nothing
    boxes_hg4: Boxes  # where the last was of what looks alike; NaN where none is seen
    sizes_hg: Floats  # the logarithm of its type size

    @classmethod
    def start(cls, leaves: Sequence[Leaf], runs: Runs) -> "State":
        """The one hypothesis before the first leaf."""
        deepest, looks = max(leaf.depth for leaf in leaves), 1 + max(leaf.look for leaf in leaves)
        return cls(
            taken_hk=np.zeros((1, runs.members_sk.shape[1]), np.float32),
            hulls_hd4=np.tile(_NOWHERE, (1, deepest, 1)),
            boxes_hg4=np.full((1, looks, 4), np.nan, np.float32),
            sizes_hg=np.full((1, looks), np.nan, np.float32),
        )

    def go_on(
        self, before_h: NDArray[np.int64], run_h: NDArray[np.int64], leaf: Leaf, runs: Runs
    ) -> "State":
        """Hypotheses that follow from those numbered `before_h` by a run for a leaf, -1 for none."""
        seen_h = run_h >= 0
        box_h14 = np.where(seen_h[:, None], runs.boxes_s4[run_h], _NOWHERE)[:, None]
        hulls_hd4 = self.hulls_hd4[before_h]
        hulls_hd4[:, leaf.shared :] = _NOWHERE
        own = hulls_hd4[:, : leaf.depth]
        np.minimum(own[..., :2], box_h14[..., :2], out=own[..., :2])
        np.maximum(own[..., 2:], box_h14[..., 2:], out=own[..., 2:])
        taken_hk = self.taken_hk[before_h]
        boxes_hg4, sizes_hg = self.boxes_hg4[before_h], self.sizes_hg[before_h]
        taken_hk[seen_h] += runs.members_sk[run_h[seen_h]]
        boxes_hg4[seen_h, leaf.look] = runs.boxes_s4[run_h[seen_h]]
        sizes_hg[seen_h, leaf.look] = log_em(leaf, runs)[run_h[seen_h]]
        return State(taken_hk, hulls_hd4, boxes_hg4, sizes_hg)

    def places(self, leaf: Leaf) -> NDArray[np.int64]:
        """Numbers [H] of where hypotheses are before a leaf: equal where all open nodes show the same."""
        numbers: dict[bytes, int] = {}
        shown = (hulls_d4.tobytes() for hulls_d4 in self.hulls_hd4[:, : leaf.shared + 1])
        return np.array([numbers.setdefault(each, len(numbers)) for each in shown])


def move_costs(state: State, leaf: Leaf, runs: Runs, run_c: NDArray[np.int64]) -> Floats:
    """What it costs [H, C] to read on at a run for a leaf; infinite where its blobs are taken."""
    boxes_c4 = runs.boxes_s4[run_c]
    last_h4, around_h4, begun_h = _behind(state.hulls_hd4[:, : leaf.shared + 1])
    # most hypotheses are in one of a few places
    places_h = last_h4 @ _PACK + 1j * (around_h4 @ _PACK)
    _, first, place_h = np.unique(places_h, return_index=True, return_inverse=True)
    place = _Place(last_h4[first, None], around_h4[first, None], boxes_c4[None])
    moves = COSTS.repeated if leaf.repeated else COSTS.moves
    cost_hc = place.costs(runs.blobs_k4, moves)[place_h]
    if not begun_h.all():
        begin = COSTS.top * np.minimum(boxes_c4[:, 1], 240) + COSTS.start * boxes_c4[:, 0]
        cost_hc = np.where(begun_h[:, None], cost_hc, begin)
    size_h1, box_h14 = state.sizes_hg[:, leaf.look, None], state.boxes_hg4[:, leaf.look, None]
    if not np.isnan(size_h1).all():
        other = np.minimum(np.abs(log_em(leaf, runs)[run_c] - size_h1), 1)
        cost_hc = cost_hc + COSTS.other_size * np.nan_to_num(other)
        cost_hc = cost_hc + COSTS.unaligned * _unaligned(boxes_c4[None], box_h14)
    taken_hc = state.taken_hk @ runs.members_sk[run_c].T > 0
    return np.where(taken_hc, np.inf, cost_hc)


def _behind(open_hd4: Boxes) -> tuple[Boxes, Boxes, NDArray[np.bool_]]:
    """Of the open nodes that a leaf is not in and of the one that it shares with them: the deepest
    that shows anything [H, 4], its parent [H, 4], and whether there is one [H]."""
    seen_hd = open_hd4[..., 0] < np.inf
    begun_h = np.any(seen_hd, axis=1)
    deepest_h = open_hd4.shape[1] - 1 - seen_hd[:, ::-1].argmax(1)
    rows = np.arange(len(deepest_h))
    last_h4 = np.where(begun_h[:, None], open_hd4[rows, deepest_h], _PAGE)
    around_h4 = np.where(begun_h[:, None], open_hd4[rows, np.maximum(deepest_h - 1, 0)], _PAGE)
    return last_h4, around_h4, begun_h


@dataclass(frozen=True)
class _Place:
    """Where H hypotheses are, and the boxes where C runs are."""

    last: Boxes  # [H, 1, 4]: the subtree that ended
    around: Boxes  # [H, 1, 4]: the node that it is in, so far
    boxes: Boxes  # [1, C, 4]

    def costs(self, blobs_k4: Boxes, moves: Moves) -> Floats:
        """What it costs [H, C] to read on there."""
        last, boxes = self.last, self.boxes
        right = boxes[..., 0] - last[..., 2] > -_TOUCH
        left = last[..., 0] - boxes[..., 2] > -_TOUCH
        below = boxes[..., 1] - last[..., 3] > -_TOUCH
        above = last[..., 1] - boxes[..., 3] > -_TOUCH
        mingled = np.where(inside(last, boxes, 0), moves.around, moves.mingled)
        mingled = np.where(inside(boxes, last, -1), moves.within, mingled)
        under = self._below(blobs_k4, moves)
        under = np.where(left, self._next_row(moves), under)
        under = np.where(right, moves.below_right, under)
        under = under + COSTS.not_under * (boxes[..., 1] < self.around[..., 3] - _TOUCH)
        level = np.where(right, self._beside(moves), np.where(left, moves.left, mingled))
        over = np.where(right, moves.above_right, moves.above)
        return np.where(below, under, np.where(above, over, level))

    def _below(self, blobs_k4: Boxes, moves: Moves) -> Floats:
        last, boxes = self.last, self.boxes
        same_left = np.abs(boxes[..., 0] - last[..., 0]) < 4
        same_centre = np.abs(_twice_middle(boxes, 0) - _twice_middle(last, 0)) < 8
        cost = moves.below + COSTS.fall * np.clip(boxes[..., 1] - last[..., 3], 0, 200)
        cost = cost + COSTS.same_left * same_left + COSTS.same_centre * same_centre
        return cost + COSTS.skipped * np.minimum(self._skipped(blobs_k4), 6)

    def _skipped(self, blobs_k4: Boxes) -> Floats:
        """How many blobs [H, C] lie under what ended and over a run."""
        last, boxes = self.last, self.boxes.swapaxes(0, 1)
        under_hk = (overlap(last, blobs_k4, 0) > 0) & (blobs_k4[:, 1] >= last[..., 3] - 3)
        over_ck = (overlap(boxes, blobs_k4, 0) > 0) & (blobs_k4[:, 3] <= boxes[..., 1] + 3)
        return under_hk.astype(np.float32) @ over_ck.astype(np.float32).T

    def _next_row(self, moves: Moves) -> Floats:
        off = np.abs(self.boxes[..., 0] - self.around[..., 0])
        cost = moves.row + COSTS.row_start * (off < 6) + COSTS.row_off * np.minimum(off, 200)
        return cost + COSTS.row_fall * np.clip(self.boxes[..., 1] - self.last[..., 3], 0, 200)

    def _beside(self, moves: Moves) -> Floats:
        last, boxes = self.last, self.boxes
        level = np.abs(boxes[..., 1] - last[..., 1]) < 8
        same_middle = np.abs(_twice_middle(boxes, 1) - _twice_middle(last, 1)) < 16
        cost = moves.right + COSTS.gap * np.clip(boxes[..., 0] - last[..., 2], 0, 300)
        return cost + COSTS.level * level + COSTS.same_middle * same_middle


def _unaligned(boxes: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Whether boxes are in line with others by no left edge, centre, upper edge or middle."""
    aligned = np.isnan(others[..., 0])
    for axis in (0, 1):
        aligned = aligned | (np.abs(boxes[..., axis] - others[..., axis]) < _ALIGNED)
        off = np.abs(_twice_middle(boxes, axis) - _twice_middle(others, axis))
        aligned = aligned | (off < 2 * _ALIGNED)
    return ~aligned


def _twice_middle(boxes: Boxes, axis: int) -> Floats:
    return boxes[..., axis] + boxes[..., axis + 2]
