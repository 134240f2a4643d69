"""Which upper and lower edges of elements depend on each other, and how.

Elements of a page do not lie anywhere: one begins a gap below the one before it, the first begins a
padding below the top of what holds it, and what stands side by side begins or ends at one height.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlt.section.roles import LAYOUT_ROLES
from dlt.section.tree import Element

_BESIDE = 0.5  # of the narrower one: boxes whose overlap along x is less may stand side by side
_LEVEL = 0.3  # of the lower one: if they overlap by more than this along y

TOP, BOTTOM = 0, 1

Floats = NDArray[np.floating]


class Relation(NamedTuple):
    """That the distance from one edge to another is not just any.

    An edge is 2 · element + TOP or BOTTOM.
    """

    first: int
    second: int
    kind: str  # name / role of what holds both / rows or stack / role of what is held, or leaf
    mirrored: bool = False  # the second edge is measured from below


def find_relations(elements: Sequence[Element], boxes: Floats) -> Iterator[Relation]:
    """The relations of the elements of a layout, by where about their boxes are.

    Args:
        boxes: left, top, right, bottom of each element [E, 4], in px or fractions.
    """
    held: dict[int, list[int]] = {}
    for i, element in enumerate(elements[1:], start=1):
        held.setdefault(element.parent, []).append(i)
    for holder, children in held.items():
        yield from _of_family(elements, boxes, holder, children)


def _of_family(
    elements: Sequence[Element], boxes: Floats, holder: int, children: Sequence[int]
) -> Iterator[Relation]:
    """The relations of the elements in one holder, to each other and to it."""
    rows = _rows(children, boxes)
    frame = f"{elements[holder].role}/{'rows' if any(len(row) > 1 for row in rows) else 'stack'}"

    def kind(name: str, child: int) -> str:
        """See `Relation.kind`."""
        role = elements[child].role
        return f"{name}/{frame}/{role if role in LAYOUT_ROLES else 'leaf'}"

    if holder == 0:
        first, last = rows[0][0], rows[-1][-1]
        yield Relation(2 * first + TOP, 2 * last + BOTTOM, kind("margins", first), mirrored=True)
    for child in rows[0]:
        yield Relation(2 * holder + TOP, 2 * child + TOP, kind("above", child))
    for child in rows[-1]:
        yield Relation(2 * child + BOTTOM, 2 * holder + BOTTOM, kind("below", child))
    for row in rows:
        for a, b in pairwise(row):
            yield Relation(2 * a + TOP, 2 * b + TOP, kind("tops", b))
            yield Relation(2 * a + BOTTOM, 2 * b + BOTTOM, kind("bottoms", b))
    for row, following in pairwise(rows):
        lowest = max(row, key=lambda i: boxes[i, 3])
        for child in following:
            yield Relation(2 * lowest + BOTTOM, 2 * child + TOP, kind("gap", child))


def _rows(children: Sequence[int], boxes: Floats) -> list[list[int]]:
    """Siblings in order, those side by side in one row."""
    rows: list[list[int]] = []
    for child in children:
        if rows and _beside(boxes[rows[-1][-1]], boxes[child]):
            rows[-1].append(child)
        else:
            rows.append([child])
    return rows


def _beside(a: Floats, b: Floats) -> bool:
    """Whether box b stands to the right of box a."""
    common = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    least = np.maximum(np.minimum(a[2:] - a[:2], b[2:] - b[:2]), 1e-6)
    apart, level = common[0] < _BESIDE * least[0], common[1] > _LEVEL * least[1]
    return bool(apart and level and b[0] + b[2] > a[0] + a[2])
