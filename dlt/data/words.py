"""Which hashed words a model can know: those that its training data has on several sites."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# a word of fewer sites is theirs, and says nothing about the next one
MIN_SITES = 3
MIN_SHARE = 0.05  # of all sites: among many, chance lets different words share a bucket


def shared_buckets(words: Iterable[tuple[str, NDArray[np.int64]]], buckets: int) -> NDArray[np.bool_]:
    """Which hash buckets [buckets] occur on enough sites; bucket 0, padding, never does.

    Args:
        words: of each section, its site and the buckets of its words, in any shape.
    """
    sites: dict[str, set[int]] = {}
    for site, found in words:
        sites.setdefault(site, set()).update(np.unique(found).tolist())
    counts = np.zeros(buckets, int)
    for found_there in sites.values():
        counts[list(found_there)] += 1
    counts[0] = 0
    return counts >= max(MIN_SITES, MIN_SHARE * len(sites))
