"""Upper and lower edges that agree with each other: the likeliest ones by what training shows.

Each edge has a place where the model thinks it is. What it costs to be elsewhere rises with the
distance, up to a limit, since the model may have taken something else for the element. Each relation
costs what its distance is worth (`Spacings`). The cheapest edges of all are found by min-sum belief
propagation (Pearl 1988), which is exact on trees and a good guess on the loops that there are. Axis
suffixes: e edge, r relation, d distance, k candidate, i and j candidates of the first and the second
edge.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dlt.grounding.rectangles import WIDTH
from dlt.section.labels import Labels, contract
from dlt.section.roles import LAYOUT_ROLES, ROLES
from dlt.section.tree import Box, Element, Structure
from dlt.spacing.relations import BOTTOM, TOP, Relation, find_relations
from dlt.spacing.spacings import LEAST, MOST, Spacings

_ROUNDS = 2  # the second looks around what the first has found
_STEPS = 12  # of messages, each way
_AROUND = 6  # px around where the model thinks that an edge is
_NEAR = 2  # px around where a likely distance from another edge puts it
_PLACES = 4  # of such places
_LIKELY = 2  # distances of each relation that are tried
_SEEN, _UNSEEN = 2.5, 12.0  # px that cost 1, of an element that grounding sees, and of another
_LAYOUT = 20.0  # the same of one that holds others, and so is not to be seen
_UNEVEN = 0.05  # by which these differ, or ties between two edges would be decided twice
_GOLDEN = 0.618  # spreads multiples of it evenly
_FAR = 8.0  # what it costs at most to be elsewhere
_UPRIGHT = np.where(np.arange(LEAST, MOST + 1) < 1, 50.0, 0.0)  # a bottom is below its top

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def settle(
    structure: Structure,
    labels: Labels,
    aspect: float,
    seen: Bools,
    spacings: Spacings,
    fixed: Collection[int] = (),
) -> Labels:
    """Labels with boxes → the same with tops and bottoms that agree with each other.

    Args:
        aspect: of the screenshot as the model sees it: its height over its width.
        seen: whether grounding sees a node [N].
        fixed: nodes whose boxes stay. That of the section stays, too.
    """
    layout = contract(structure, labels)
    if layout.boxes is None:
        return labels
    nodes = [i for i, role in enumerate(labels.roles) if role in ROLES]
    height = WIDTH * aspect
    boxes_e4 = np.array(layout.boxes)
    boxes_e4[:, 2:] += boxes_e4[:, :2]
    boxes_e4 *= [WIDTH, height, WIDTH, height]
    held = np.array([i == 0 or i in fixed for i in nodes])
    scale = _scales(layout.elements, seen[nodes])
    edges = _settled(layout.elements, boxes_e4, height, scale, held, spacings) / height
    boxes: list[Box | None] = [None] * len(structure)
    for i, (x, y, w, h), (top, bottom), stays in zip(
        nodes, layout.boxes, edges.tolist(), held, strict=True
    ):
        low, high = round(top, 4), round(bottom, 4)
        boxes[i] = (x, y, w, h) if stays else (x, low, w, round(high - low, 4))
    return replace(labels, boxes=tuple(boxes))


def _scales(elements: Sequence[Element], seen: Bools) -> Floats:
    """Px that cost 1 of each element."""
    holds = np.array([element.role in LAYOUT_ROLES for element in elements])
    return np.where(holds, _LAYOUT, np.where(seen, _SEEN, _UNSEEN))


def _settled(
    elements: Sequence[Element],
    boxes: Floats,
    height: float,
    scale: Floats,
    held: Bools,
    spacings: Spacings,
) -> Floats:
    """Tops and bottoms [elements, 2] in px.

    Args:
        boxes: where the model thinks elements are: left, top, right, bottom in px.
        scale: px that cost 1.
        held: whether an element stays.
    """
    known = [(r, spacings.costs(r.kind)) for r in find_relations(elements, boxes)]
    spaced = [(relation, costs) for relation, costs in known if costs is not None]
    if not spaced:
        return boxes[:, 1::2]
    thought_e, held_e1 = boxes[:, 1::2].reshape(-1), np.repeat(held, 2)[:, None]
    uneven_e = 1 + _UNEVEN * (_GOLDEN * np.arange(len(thought_e)) % 1)
    scale_e = np.repeat(scale, 2) * uneven_e
    net, likely, found_e = (
        _Net.of([*spaced, *_heights(elements)], height),
        _likely(spaced),
        thought_e,
    )
    for _ in range(_ROUNDS):
        places_ek = _candidates(found_e, thought_e, likely).clip(0, height)
        places_ek = np.where(held_e1, thought_e[:, None], places_ek)
        off_ek = np.abs(places_ek - thought_e[:, None]) / scale_e[:, None]
        found_e = net.cheapest(places_ek, np.minimum(off_ek, _FAR).astype(np.float32))
    top, bottom = found_e.reshape(-1, 2).T
    return np.column_stack([top, np.maximum(top, bottom)])


def _heights(elements: Sequence[Element]) -> Iterator[tuple[Relation, Floats]]:
    """That each element but the section ends below where it begins."""
    for i in range(1, len(elements)):
        yield Relation(2 * i + TOP, 2 * i + BOTTOM, "height"), _UPRIGHT


def _likely(spaced: Sequence[tuple[Relation, Floats]]) -> list[tuple[Relation, Ints]]:
    """The likeliest distances of each relation; not those that lie beyond."""
    return [
        (relation, np.argsort(costs[1:-1], kind="stable")[:_LIKELY] + LEAST + 1)
        for relation, costs in spaced
        if not relation.mirrored
    ]


def _candidates(
    found_e: Floats, thought_e: Floats, likely: Sequence[tuple[Relation, Ints]]
) -> Floats:
    """The places [E, K] that each edge may have: where it was found, and whole px."""
    places = np.tile(np.rint(found_e)[:, None], _PLACES)
    count = np.zeros(len(found_e), int)
    for relation, distances in likely:
        for edge, other, sign in (
            (relation.second, relation.first, 1),
            (relation.first, relation.second, -1),
        ):
            for distance in distances[: _PLACES - count[edge]]:
                places[edge, count[edge]] = np.rint(found_e[other]) + sign * distance
                count[edge] += 1
    around = np.rint(thought_e)[:, None] + np.arange(-_AROUND, _AROUND + 1)
    near = places[..., None] + np.arange(-_NEAR, _NEAR + 1)
    return np.column_stack([found_e, around, near.reshape(len(found_e), -1)])


@dataclass(frozen=True)
class _Net:
    """R relations between edges, and what their distances cost."""

    first_r: NDArray[np.int64]
    second_r: NDArray[np.int64]
    mirrored_r: Bools
    costs_rd: Floats
    height: float

    @classmethod
    def of(cls, relations: Sequence[tuple[Relation, Floats]], height: float) -> "_Net":
        """From relations and what each of their distances costs, from LEAST to MOST."""
        return cls(
            np.array([relation.first for relation, _ in relations]),
            np.array([relation.second for relation, _ in relations]),
            np.array([relation.mirrored for relation, _ in relations]),
            np.array([costs for _, costs in relations], np.float32),
            height,
        )

    def cheapest(self, places_ek: Floats, off_ek: Floats) -> Floats:
        """The places [E] of the cheapest assignment that is found.

        Args:
            off_ek: what each place costs by itself.
        """
        cost_rij = self._costs(places_ek)
        forth_rj, back_ri = np.zeros((2, len(self.first_r), places_ek.shape[1]), np.float32)
        for _ in range(_STEPS):
            total_ek = self._totals(off_ek, forth_rj, back_ri)
            to_second = ((total_ek[self.first_r] - back_ri)[:, :, None] + cost_rij).min(1)
            to_first = ((total_ek[self.second_r] - forth_rj)[:, None, :] + cost_rij).min(2)
            # half of the old ones, so that loops come to rest
            forth_rj = (forth_rj + to_second - to_second.min(1, keepdims=True)) / 2
            back_ri = (back_ri + to_first - to_first.min(1, keepdims=True)) / 2
        best_e = self._totals(off_ek, forth_rj, back_ri).argmin(1)
        return places_ek[np.arange(len(best_e)), best_e]

    def _costs(self, places_ek: Floats) -> Floats:
        """What each pair of places costs each relation [R, K, K]."""
        second_rj = places_ek[self.second_r]
        second_rj = np.where(self.mirrored_r[:, None], self.height - second_rj, second_rj)
        distance_rij = second_rj[:, None, :] - places_ek[self.first_r][:, :, None]
        index_rij = np.rint(distance_rij).clip(LEAST, MOST).astype(np.intp) - LEAST
        return np.take_along_axis(
            self.costs_rd, index_rij.reshape(len(index_rij), -1), axis=1
        ).reshape(index_rij.shape)

    def _totals(self, off_ek: Floats, forth_rj: Floats, back_ri: Floats) -> Floats:
        total_ek = off_ek.copy()
        np.add.at(total_ek, self.second_r, forth_rj)
        np.add.at(total_ek, self.first_r, back_ri)
        return total_ek
