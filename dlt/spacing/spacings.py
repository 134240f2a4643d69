"""How often each distance occurs in training, and so what it costs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from dlt.section.labels import Labels, contract
from dlt.section.tree import Structure
from dlt.spacing.relations import find_relations

WIDTH = 640  # px of the screenshots that distances are of
LEAST, MOST = -40, 160  # px; what is beyond counts as these
_DISTANCES = np.arange(LEAST, MOST + 1)
_PRIOR = 20.0  # how many distances a more general kind counts as
_TAIL = 30.0  # px by which what was never seen gets less likely
_ANYTHING = 0.03  # share of distances that follow no rule
_BLUR = np.array([0.05, 0.9, 0.05])  # rounding to whole px

Floats = NDArray[np.floating]
Distance = Annotated[int, Field(ge=LEAST, le=MOST)]
Count = Annotated[int, Field(ge=1)]


class Spacings(BaseModel):
    """Counts of distances in px of a screenshot WIDTH px wide, by their kind: see `find_relations`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: Mapping[str, Mapping[Distance, Count]]

    def costs(self, kind: str) -> Floats | None:
        """-log p of the distances from LEAST to MOST; None where nothing like it was seen.

        What was seen of a kind is mixed with what was seen of more general ones (Jelinek & Mercer
        1980): without what is held, without what holds it.
        """
        parts = _parts(kind)
        for end in range(len(parts), 0, -1):
            if (known := self._known.get("/".join(parts[:end]))) is not None:
                return known
        return None

    @cached_property
    def _known(self) -> dict[str, Floats]:
        anything = np.exp(-np.abs(_DISTANCES) / _TAIL)
        anything /= anything.sum()
        shares: dict[str, Floats] = {}
        kinds = {kind[:end] for kind in map(_parts, self.counts) for end in range(1, len(kind) + 1)}
        for kind in sorted(kinds, key=lambda kind: (len(kind), kind)):
            counts = self._added_up(kind)
            general = shares.get("/".join(kind[:-1]), anything)
            shares["/".join(kind)] = (counts + _PRIOR * general) / (counts.sum() + _PRIOR)
        return {
            kind: -np.log(
                (1 - _ANYTHING) * np.convolve(share, _BLUR, "same") + _ANYTHING * anything
            )
            for kind, share in shares.items()
        }

    def _added_up(self, kind: tuple[str, ...]) -> Floats:
        """The counts of all kinds that begin so."""
        total = np.zeros(len(_DISTANCES))
        for name, counts in self.counts.items():
            if _parts(name)[: len(kind)] == kind:
                total[np.array(list(counts)) - LEAST] += list(counts.values())
        return total


def _parts(kind: str) -> tuple[str, ...]:
    return tuple(kind.split("/"))


def find_spacings(sections: Iterable[tuple[Structure, Labels, float]]) -> Spacings:
    """Count the distances between true boxes of sections; those without boxes are passed over.

    Args:
        sections: with their labels, and the height of their screenshots over the width.
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
