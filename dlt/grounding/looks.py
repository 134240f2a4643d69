"""How what lies behind a section looks.

Whether there is a photo behind a section, or a plain colour: that is nowhere in a DOM without its styles.
The margins show it: what a section holds hardly ever reaches both its left and its right edge, and a
picture behind it does.
"""

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.blobs import contrast
from dlt.grounding.rectangles import Pixels

NUM_LOOKS = 5  # see `find_looks`

_MARGIN = 0.03  # of the width: page builders leave more
_FLAT = 1  # contrast of neighbouring pixels, of 255: a plain colour has no more, a photo wavers
_SHARP = 30


def find_looks(pixels: Pixels) -> NDArray[np.float64]:
    """Five numbers of the margins at the left and right edge of a screenshot: [NUM_LOOKS], all 0 .. 1.

    They are: the mean brightness, its deviation, how far the mean colour is from grey, and the shares of
    flat and of sharp pixels.

    Args:
        pixels: [Y, X, 3] of a screenshot of any width.
    """
    width = max(2, round(_MARGIN * pixels.shape[1]))
    margins = [pixels[:, :width], pixels[:, -width:]]
    colours = np.concatenate(margins, axis=1).reshape(-1, 3) / 255
    local = np.concatenate([contrast(margin).ravel() for margin in margins])
    grey = np.ptp(colours.mean(0))
    flat, sharp = (local <= _FLAT).sum(), (local > _SHARP).sum()
    shares = np.array([flat, sharp]) / max(local.size, 1)
    return np.array([colours.mean(), colours.mean(1).std(), grey, *shares])
