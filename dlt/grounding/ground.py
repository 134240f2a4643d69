"""Which leaf of the DOM is which blob of the screenshot.

The leaves of a DOM come in the order in which people read a page. So do lines of text and pictures
in the screenshot, and a text fills as much of its lines as it has characters. The likeliest
assignment is found by a beam search (Lowerre 1976): each leaf takes a run that shares no blob with
one taken before, or is not to be seen. Hypotheses that are at the same place are recombined (Koehn et
al. 2003). Axis suffixes: h hypothesis, s run, c candidate (a run).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.alignment import find_alignment
from dlt.grounding.blobs import PICTURE
from dlt.grounding.cells import find_cells
from dlt.grounding.costs import COSTS
from dlt.grounding.leaves import Leaf, find_leaves
from dlt.grounding.moves import State, move_costs
from dlt.grounding.rectangles import Boxes, inside
from dlt.grounding.runs import Floats, Runs, find_runs, fit_costs, line_box
from dlt.section.tree import Structure, subtree_ends

_BEAM = 400  # hypotheses that are kept after each leaf
_POOL = 8 * _BEAM  # the cheapest ones, that they are chosen from
_CANDIDATES = 48  # runs that a leaf is tried with: those that fit best
_MAX_LEAVES = 512  # what comes after them is not looked for


class Grounding(NamedTuple):
    """Where the nodes of a structure are, in px; NaN where nothing was found."""

    boxes: Boxes  # [N, 4]: the hull of what the subtree of a node shows, of texts the whole lines
    frames: Boxes  # [N, 4]: the smallest blob around that
    by_centre: Boxes  # [N, 4]: the cell in a row that the centre of that tells
    by_left: Boxes  # [N, 4]: the same of its left edge
    in_row: NDArray[np.bool_]  # [N]: whether it stands beside siblings
    alignment: Floats  # [N, 2]: of what is in it, and of the section; see `find_alignment`
    line_heights: Floats  # [N]: of a leaf's text; of another leaf, all of its height


def ground(structure: Structure, blobs: Boxes) -> Grounding:
    """Find the N nodes of a structure among the blobs [K, 4] of its screenshot."""
    count = len(structure)
    (boxes, ink), heights = np.full((2, count, 4), np.nan), np.full(count, np.nan)
    leaves = find_leaves(structure)[:_MAX_LEAVES]
    lines: dict[int, Boxes] = {}
    if len(blobs) and leaves:
        runs = find_runs(blobs)
        assigned = _left_over(leaves, _assign(leaves, runs), runs)
        for leaf, run in zip(leaves, assigned, strict=True):
            if run >= 0:
                ink[leaf.node] = runs.boxes_s4[run]
                boxes[leaf.node] = line_box(leaf, runs, run) if leaf.text else ink[leaf.node]
                if runs.lines_s[run] > 1:
                    own = runs.blobs_k4[runs.members_sk[run] > 0]
                    lines[leaf.node] = own[own[:, 1].argsort()]
                heights[leaf.node] = runs.height_s[run]
                if runs.lines_s[run] == 1:
                    heights[leaf.node] = boxes[leaf.node, 3] - boxes[leaf.node, 1]
    ends = subtree_ends(structure.parents)
    boxes, ink = _hulls(boxes, ends), _hulls(ink, ends)
    cells = find_cells(boxes, structure.parents)
    alignment = find_alignment(ink, lines, structure.parents)
    return Grounding(boxes, _frames(ink, blobs), *cells, alignment, heights)


def _assign(leaves: Sequence[Leaf], runs: Runs) -> list[int]:
    """The run of each leaf, or -1 for none: the cheapest assignment that the search comes across."""
    state = State.start(leaves, runs)
    cost_h: Floats = np.zeros(1, np.float32)
    count = min(_CANDIDATES, len(runs.boxes_s4))
    steps = []
    for leaf in leaves:
        fit_s = fit_costs(leaf, runs)
        run_c = np.argpartition(fit_s, count - 1)[:count]
        seen_hc = fit_s[run_c] + move_costs(state, leaf, runs, run_c)
        none_h = np.full(len(cost_h), _unseen_cost(leaf))
        choices = cost_h[:, None] + np.column_stack([seen_hc, none_h])
        before_h, chosen_h, cost_h = _cheapest(choices, state.places(leaf))
        run_h = np.append(run_c, -1)[chosen_h]
        state = state.go_on(before_h, run_h, leaf, runs)
        steps.append((before_h, run_h))
    return _trace(steps, int(cost_h.argmin()))


def _left_over(leaves: Sequence[Leaf], assigned: Sequence[int], runs: Runs) -> list[int]:
    """The assignment, in which pictures that no leaf has taken, from above, are given to the leaves that
    can be pictures and were not found, if they are as many: where things overlap, they are read in
    no order."""
    found = list(assigned)
    missing = [
        i for i, leaf in enumerate(leaves) if found[i] < 0 and leaf.kind in ("picture", "blank")
    ]
    blobs = runs.blobs_k4
    taken = runs.members_sk[[run for run in found if run >= 0]].any(0)
    holds = inside(blobs[:, None], blobs[None], 1).any(0)  # a frame
    large = (blobs[:, 2:] - blobs[:, :2] >= PICTURE).all(1)
    free = np.flatnonzero(large & ~taken & ~holds)
    if len(free) == len(missing):
        single = np.flatnonzero(runs.lines_s == 1)
        free = free[np.lexsort(blobs[free, :2].T)]  # by their tops, then by their left edges
        for i, blob in zip(missing, free, strict=True):
            found[i] = int(single[runs.first_s[single] == blob][0])
    return found


def _unseen_cost(leaf: Leaf) -> float:
    cost = COSTS.unseen[leaf.kind]
    return min(cost, COSTS.unseen_copy) if leaf.copy else cost


def _cheapest(
    choices: Floats, place_h: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Rows, columns and costs of the _BEAM cheapest choices that are possible, one of each column for
    each number of a place: else the search is filled with variants of what is read long ago."""
    flat = choices.ravel()
    best = np.argpartition(flat, min(_POOL, len(flat) - 1))[:_POOL]
    best = best[np.isfinite(flat[best])]
    best = best[flat[best].argsort(kind="stable")]
    rows, columns = np.divmod(best, choices.shape[1])
    _, first = np.unique(place_h[rows] * choices.shape[1] + columns, return_index=True)
    kept = np.sort(first)[:_BEAM]
    return rows[kept], columns[kept], flat[best[kept]]


def _trace(steps: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], last: int) -> list[int]:
    """The choices that led to hypothesis `last` of the last step."""
    chosen = []
    for before_h, run_h in reversed(steps):
        chosen.append(int(run_h[last]))
        last = int(before_h[last])
    return chosen[::-1]


def _hulls(boxes: Boxes, ends: Sequence[int]) -> Boxes:
    """Each node's box widened to those of its subtree; NaN where there is none."""
    low, high = (np.where(np.isnan(boxes), fill, boxes) for fill in (np.inf, -np.inf))
    hulls = np.array(
        [[*low[i:end, :2].min(0), *high[i:end, 2:].max(0)] for i, end in enumerate(ends)]
    )
    return np.where(np.isfinite(hulls), hulls, np.nan)


def _frames(boxes: Boxes, blobs: Boxes) -> Boxes:
    """Of each box the smallest blob that it lies in, with a margin; NaN where there is none."""
    if not len(blobs):
        return np.full_like(boxes, np.nan)
    around = inside(boxes[:, None], blobs[None], 1)
    area = np.where(around, (blobs[:, 2:] - blobs[:, :2]).prod(1), np.inf)
    return np.where(np.any(around, axis=1, keepdims=True), blobs[area.argmin(1)], np.nan)
