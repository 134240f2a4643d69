"""How often each distance occurs in training, and so what it costs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dlt.grounding.rectangles import WIDTH
from dlt.section.labels import Labels, contract
from dlt.section.tree import Structure
from dlt.spacing.relations import find_relations

LEAST, MOST = -40, 160  # px; what is beyond counts as these
_DISTANCES = np.arange(LEAST, MOST + 1)
_PRIOR = 20.0  # how many distances a more general kind counts as
_ANYTHING = 0.03  # share of distances that follow no rule
_ANY = np.exp(-np.abs(_DISTANCES) / 30.0)  # they are short rather than long
_ANY /= _ANY.sum()
_SPAN = 50.0  # px that lie beyond, as it were
_MOST_COST = 9.0  # of a distance, above that of the likeliest: what is rare happens
_BLUR = np.array([0.05, 0.9, 0.05])  # rounding to whole px

Floats = NDArray[np.floating]
Distance = Annotated[int, Field(ge=LEAST, le=MOST)]
Count = Annotated[int, Field(ge=1, le=2**40)]
Kind = Annotated[str, Field(pattern=r"^[a-z]+/[a-z]+/[a-z]+/[a-z]+$")]
Counts = Annotated[Mapping[Distance, Count], Field(min_length=1)]


class Spacings(BaseModel):
    """Counts of distances in px of a screenshot WIDTH px wide, by their kind: see `find_relations`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: Annotated[Mapping[Kind, Counts], Field(max_length=1000)]

    def costs(self, kind: str) -> Floats | None:
        """-log p of the distances from LEAST to MOST; None where nothing like it was seen.

        What was seen of a kind is mixed with what was seen of more general ones (Jelinek & Mercer
        1980): without what is held, without what holds it.
        """
        while kind not in self._known and kind:
            kind = kind.rpartition("/")[0]
        return self._known.get(kind)

    @cached_property
    def _known(self) -> dict[str, Floats]:
        shares: dict[str, Floats] = {}
        totals = self._totals()
        for kind in sorted(totals, key=lambda kind: (kind.count("/"), kind)):
            general = shares.get(kind.rpartition("/")[0], _ANY)
            total = totals[kind]
            shares[kind] = (total + _PRIOR * general) / (total.sum() + _PRIOR)
        return {kind: _as_costs(share) for kind, share in shares.items()}

    def _totals(self) -> dict[str, Floats]:
        """The counts of each kind, and of all kinds that begin so."""
        totals: dict[str, Floats] = {}
        for kind, counts in self.counts.items():
            own = np.zeros(len(_DISTANCES))
            own[np.array(list(counts)) - LEAST] = list(counts.values())
            parts = kind.split("/")
            for end in range(1, len(parts) + 1):
                general = "/".join(parts[:end])
                totals[general] = totals.get(general, 0) + own
        return totals


def _as_costs(share: Floats) -> Floats:
    """-log of a share, by px, as far as `_MOST_COST` above the least.

    What lies beyond is no px of its own: it may be anything there.
    """
    beyond = share[[0, -1]] / _SPAN
    near = share.copy()
    near[[0, -1]] = 0
    near = np.convolve(near, _BLUR, "same")
    near[[0, -1]] = beyond
    costs = -np.log((1 - _ANYTHING) * near + _ANYTHING * _ANY)
    return np.minimum(costs, costs.min() + _MOST_COST)


def find_spacings(sections: Iterable[tuple[Structure, Labels, float]]) -> Spacings:
    """Count the distances between true boxes of sections; those without boxes are passed over.

    Args:
        sections: with their labels, and the height of their screenshots over the width, as the
            model sees them: the tallest are squeezed.
    """
    counts: dict[str, Counter[int]] = {}
    for structure, labels, aspect in sections:
        layout = contract(structure, labels)
        if layout.boxes is None:
            continue
        boxes, height = np.array(layout.boxes), WIDTH * aspect
        boxes[:, 2:] += boxes[:, :2]
        edges = boxes[:, 1::2].ravel() * height
        for first, second, kind, mirrored in find_relations(layout.elements, boxes):
            other = height - edges[second] if mirrored else edges[second]
            distance = int(np.clip(np.rint(other - edges[first]), LEAST, MOST))
            counts.setdefault(kind, Counter())[distance] += 1
    return Spacings(counts={kind: dict(sorted(counts[kind].items())) for kind in sorted(counts)})
