"""Bearings: how far elements reach above and below what is seen of them.

As a letter has bearings, which set it apart from its neighbours, lines of text have leading, buttons
have padding, and dividers stand in the midst of empty space. It depends on little but the role.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dlt.data.encode import Encoded
from dlt.section.roles import NODE_ROLES

MIN_SEEN = 5  # elements of a role, before it is known
_ASIDE = 0.01  # widths that their middle is off at most: else it was not them that was seen
_TOP_AND_BOTTOM = [2, 4]  # in `Encoded.grounding`

Floats = NDArray[np.float32]


def find_bearings(sections: Iterable[Encoded], image_width: int) -> Floats:
    """How far top and bottom of each role's elements mostly are from those of what is seen of them.

    Args:
        image_width: px, of the screenshots as the model sees them.

    Returns:
        Medians [len(NODE_ROLES), 2], downwards, in widths of the screenshot; NaN where too few are seen.
    """
    found: list[list[Floats]] = [[] for _ in NODE_ROLES]
    for section in sections:
        if (targets := section.targets) is None:
            continue
        aspect = section.image_height / image_width
        seen = section.grounding[:, _TOP_AND_BOTTOM]
        half = targets.boxes[:, 3:] / 2 * np.array([-1, 1], np.float32)
        off = (targets.boxes[:, 1:2] + half - seen) * aspect
        own = (targets.box_weights == 1) & (section.grounding[:, 0] > 0)
        for i in np.flatnonzero(own & (np.abs(off.mean(1)) < _ASIDE)):
            found[targets.roles[i]].append(off[i])
    unknown = np.full(2, np.nan, np.float32)
    return np.array([np.median(own, 0) if len(own) >= MIN_SEEN else unknown for own in found])
