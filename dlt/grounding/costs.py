"""What the assignment of leaves to runs costs, in numbers: about negative log-likelihoods.

Found by searches on training sections, and a few set by hand (docs/grounding.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Moves(NamedTuple):
    """What it costs that a leaf is so to the subtree before its own."""

    below: float
    below_right: float
    row: float  # below, and to the left: in the next row
    right: float  # beside it: in the next column
    left: float
    within: float
    around: float
    mingled: float
    above: float
    above_right: float


@dataclass(frozen=True)
class Costs:
    """The weights of all costs."""

    unseen: Mapping[str, float]  # that a leaf of a kind is nowhere to be seen
    unseen_copy: float  # the same where it is a copy of another, if that is less
    claim: float  # gained by every blob that has an owner
    length: float  # of a text, by how much more or fewer characters it has than there is room for
    cut: float  # of a text that was cut, by how much more room there is
    size: float  # of text too high or too low to be any
    bare: float  # of a link without a close frame
    uneven: float  # by how much the heights of a text's lines differ
    ragged: float  # by how much narrower than the others a line is that is not the last
    small: float  # of a picture
    oblong: float  # of an icon
    moves: Moves
    repeated: Moves  # where the leaf begins an item like the one before
    fall: float  # by the px between a leaf and what it is below
    gap: float  # by the px between a leaf and what it is to the right of
    same_left: float  # below something with the same left edge
    same_centre: float
    skipped: float  # by the blobs passed over
    level: float  # beside something with the same upper edge
    same_middle: float
    row_fall: float  # `fall`, in the next row
    row_start: float  # where the next row begins at the left edge of the rows before
    row_off: float  # by the px that it does not
    not_under: float  # below the last subtree, but not below those before it
    other_size: float  # by how much lines are higher or lower than those of what looks alike
    unaligned: float  # in line with the last one that looks alike neither along x nor y
    top: float  # of the first leaf, by how far below the top of the screenshot it is
    start: float  # of the first leaf, by how far from the left it is


_UNSEEN = {
    "text": 5.6,
    "link": 5.8,
    "picture": 6.0,
    "icon": 1.7,
    "field": 2.7,
    "rule": 1.6,
    "blank": 0.12,
}
_MOVES = Moves(
    below=0,
    below_right=4,
    row=1.6,
    right=0.7,
    left=6.7,
    within=2.7,
    around=5,
    mingled=4.5,
    above=4.2,
    above_right=2.5,
)

COSTS = Costs(
    unseen=_UNSEEN,
    unseen_copy=3.2,
    claim=0.3,
    length=6.4,
    cut=0.2,
    size=4.6,
    bare=1.5,
    uneven=1.2,
    ragged=0.8,
    small=3.2,
    oblong=1.2,
    moves=_MOVES,
    repeated=_MOVES._replace(below_right=2.5, row=1.3, left=3.8, mingled=3.5, above_right=2.4),
    fall=0.019,
    gap=0.007,
    same_left=-0.12,
    same_centre=-0.3,
    skipped=0.5,
    level=-0.5,
    same_middle=-0.3,
    row_fall=0.006,
    row_start=-0.2,
    row_off=0.002,
    not_under=0.8,
    other_size=2,
    unaligned=0.8,
    top=0.02,
    start=0.001,
)
