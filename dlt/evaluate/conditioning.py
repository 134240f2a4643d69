"""What the model makes of a section of which something is known already.

Every figure is about what was not given: the labels of nodes whose role was open, the boxes of
elements whose box was.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dlt.data.labelled import Labelled
from dlt.evaluate.boxes import box_iou
from dlt.evaluate.metrics import Pair, layout_accuracy, right_elements
from dlt.evaluate.pairs import predict_pairs
from dlt.evaluate.teds import placed_elements
from dlt.model.known import Known
from dlt.predict import Predictor

MODES: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "roles": ("role", "prop"),
    "boxes": ("position", "size"),
    "positions": ("position",),
    "sizes": ("size",),
}
"""Name → the attributes that are given of all nodes."""
SHARES = (25, 50, 75)  # per cent of the nodes of which everything is given
_BOX = {"position", "size"}


def conditioning(
    predictor: Predictor, sections: Sequence[Labelled], batch_size: int
) -> list[dict[str, Any]]:
    """A row for each of MODES and of SHARES.

    `node_accuracy` is of the nodes whose role was open; `same_nodes` of those that are open at all
    of SHARES, so that rows can be compared; `box_iou` of rightly predicted elements whose box was
    not given in full. None where nothing of the kind was open, or the data has no boxes.
    """
    orders = [_order(section) for section in sections]
    return [
        _row(name, predict_pairs(predictor, sections, batch_size, known), known, orders)
        for name, known in _patterns(sections, orders)
    ]


def _row(
    name: str, pairs: Sequence[Pair], known: Sequence[Known], orders: Sequence[np.ndarray]
) -> dict[str, Any]:
    right = [_right_nodes(pair, own) for pair, own in zip(pairs, known, strict=True)]
    last = [
        found[order[_part(order, SHARES[-1]) :]] for found, order in zip(right, orders, strict=True)
    ]
    ious = [iou for pair, own in zip(pairs, known, strict=True) for iou in _open_ious(pair, own)]
    return {
        "name": name,
        "sections": len(pairs),
        "node_accuracy": _mean([value for own in right for value in own if value >= 0]),
        "same_nodes": _mean([value for own in last for value in own if value >= 0]),
        "layout_accuracy": layout_accuracy(pairs),
        "box_iou": _mean(ious),
    }


def _patterns(
    sections: Sequence[Labelled], orders: Sequence[np.ndarray]
) -> Iterator[tuple[str, list[Known]]]:
    for name, attributes in MODES.items():
        yield name, [Known.of(s.structure, s.truth, attributes) for s in sections]
    for share in SHARES:
        known = [
            Known.of(s.structure, s.truth, nodes=order[: _part(order, share)].tolist())
            for s, order in zip(sections, orders, strict=True)
        ]
        yield f"{share} % of nodes", known


def _order(section: Labelled) -> np.ndarray:
    """The nodes in the random order in which they become known."""
    generator = np.random.default_rng(zlib.crc32(section.encoded.name.encode()))
    return generator.permutation(len(section.structure))


def _part(order: np.ndarray, share: int) -> int:
    return round(len(order) * share / 100)


def _right_nodes(pair: Pair, known: Known) -> np.ndarray:
    """1 for right, 0 for wrong, -1 where the role was given [N]."""
    found = np.array(
        [p == t for p, t in zip(pair.predicted.roles, pair.truth.roles, strict=True)], int
    )
    found[list(known.roles)] = -1
    return found


def _open_ious(pair: Pair, known: Known) -> list[float]:
    true = {
        (e.role, e.nodes): e.box
        for e in placed_elements(pair.structure, pair.truth)
        if not known.given[min(e.nodes)] >= _BOX
    }
    return [
        box_iou(element.box, box)
        for element, right in zip(
            placed_elements(pair.structure, pair.predicted), right_elements(pair), strict=True
        )
        if right and element.box and (box := true.get((element.role, element.nodes)))
    ]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
