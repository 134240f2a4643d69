"""What is wrong with a prediction: every error of a section, in exactly one class.

An error is one of three things, so that counts add up:

- a **true element** that the prediction does not have just so (the first class that fits counts):
  `missing`, its nodes are in no predicted element; `wrong role`, the same nodes have another role;
  `wrong merge`, its nodes share an element with another element's nodes, or one predicted element
  has more or fewer nodes than it; `split element`, several predicted elements share its nodes and
  no others; `wrong nesting`, role and nodes are right and the parent has no node in common with the
  true parent; `wrong box`, all of that is right and the boxes' IoU is below BOX_IOU;
- a **predicted element** none of whose nodes is in a true element: `invented`;
- a **DOM node** with another prop label than the true one: `wrong prop`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dlt.evaluate.boxes import box_iou
from dlt.evaluate.metrics import Pair
from dlt.evaluate.teds import Placed, placed_elements

BOX_IOU = 0.5  # as in PASCAL VOC (Everingham et al. 2010)
CLASSES = (
    "wrong role",
    "wrong merge",
    "split element",
    "missing",
    "invented",
    "wrong nesting",
    "wrong prop",
    "wrong box",
)


@dataclass(frozen=True, slots=True)
class Error:
    """One error.

    `true` and `predicted` are roles, or props where the class is `wrong prop`; None where there is
    no element on that side. `cost` is what layout accuracy's edit distance would charge to mend
    this error alone, as a fraction of the section's size; nesting, props and boxes cost nothing.
    """

    kind: str  # one of CLASSES
    section: str
    site: str
    node: int  # the DOM node that the element starts at, or that carries the prop
    selector: str  # of that node
    true: str | None
    predicted: str | None
    cost: float


def section_errors(pair: Pair) -> list[Error]:
    """All errors of one section: true elements, then invented ones, then props, in pre-order.

    Raises:
        SectionError: labels that break the label law.
    """
    true = placed_elements(pair.structure, pair.truth)
    predicted = placed_elements(pair.structure, pair.predicted)
    found = _Comparison(true, predicted)
    wrong = [_Wrong(*found.judge(element), min(element.nodes), element.role) for element in true]
    wrong += [
        _Wrong("invented", element.role, 1.0, min(element.nodes), None)
        for element in predicted
        if not found.touched(element)
    ]
    wrong += [
        _Wrong("wrong prop", guess, 0.0, node, truth)
        for node, (truth, guess) in enumerate(
            zip(pair.truth.props, pair.predicted.props, strict=True)
        )
        if truth != guess
    ]
    size = max(len(true), len(predicted))
    return [_error(pair, item, size) for item in wrong if item.kind]


@dataclass(frozen=True, slots=True)
class _Wrong:
    kind: str | None  # None: nothing is wrong
    predicted: str | None
    edits: float
    node: int
    true: str | None


class _Comparison:
    """The elements of a truth and of a prediction, by the DOM nodes that they share."""

    def __init__(self, true: Sequence[Placed], predicted: Sequence[Placed]):
        self.true, self.predicted = true, predicted
        self.true_at = _owners(true)
        self.predicted_at = _owners(predicted)

    def judge(self, element: Placed) -> tuple[str | None, str | None, float]:
        """The class of a true element, the role of its best match, and the edits to mend it."""
        pieces = _distinct(self.predicted_at.get(node) for node in element.nodes)
        if not pieces:
            return "missing", None, 1.0
        best = max(pieces, key=lambda i: (_jaccard(self.predicted[i], element), -i))
        match = self.predicted[best]
        edits = 1.0 if match.role != element.role else 1.0 - _jaccard(match, element)
        if match.nodes == element.nodes:
            if match.role != element.role:
                return "wrong role", match.role, edits
            return self._placing(element, match), match.role, 0.0
        alone = all(len(self.touched(self.predicted[i])) == 1 for i in pieces)
        kind = "split element" if alone and len(pieces) > 1 else "wrong merge"
        return kind, match.role, edits

    def touched(self, element: Placed) -> list[int]:
        """The true elements that a predicted element has nodes of."""
        return _distinct(self.true_at.get(node) for node in element.nodes)

    def _placing(self, element: Placed, match: Placed) -> str | None:
        """What is wrong with an element of the right role and nodes."""
        below = element.parent >= 0 and match.parent >= 0
        if below and not self.true[element.parent].nodes & self.predicted[match.parent].nodes:
            return "wrong nesting"
        if element.box and match.box and box_iou(element.box, match.box) < BOX_IOU:
            return "wrong box"
        return None


def _error(pair: Pair, wrong: _Wrong, size: int) -> Error:
    assert wrong.kind
    return Error(
        kind=wrong.kind,
        section=pair.name,
        site=pair.site,
        node=wrong.node,
        selector=pair.structure.nodes[wrong.node].selector,
        true=wrong.true,
        predicted=wrong.predicted,
        cost=wrong.edits / size,
    )


def _owners(elements: Sequence[Placed]) -> Mapping[int, int]:
    return {node: i for i, element in enumerate(elements) for node in element.nodes}


def _distinct(found: Iterable[int | None]) -> list[int]:
    return sorted({i for i in found if i is not None})


def _jaccard(a: Placed, b: Placed) -> float:
    return len(a.nodes & b.nodes) / len(a.nodes | b.nodes)
