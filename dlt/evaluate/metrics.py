"""The metrics of a set of predictions, and their scores section by section.

Every metric is a ratio of two sums over sections, so its value, its count (the lower sum) and its
confidence interval all come from the same per-section scores. A metric whose lower sum is 0 is
undefined: None with a reason, never 0.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dlt.evaluate.bootstrap import bootstrap_ratio
from dlt.evaluate.boxes import aesthetic_score, box_iou, paint, painting_similarity
from dlt.evaluate.teds import Placed, placed_elements, tree_similarity
from dlt.section.labels import Labels
from dlt.section.roles import NO_PROP, NODE_ROLES
from dlt.section.tree import Structure


@dataclass(frozen=True)
class Pair:
    """A section's true labels and predicted labels; both obey the label law.

    `confidences` are chances of being right, one for each predicted element in pre-order.
    """

    name: str
    site: str
    structure: Structure
    truth: Labels
    predicted: Labels
    confidences: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many things were predicted, how many there are, and how many of both agree."""

    predicted: int
    true: int
    right: int

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, None where there is nothing on either side."""
        total = self.predicted + self.true
        return 2 * self.right / total if total else None


@dataclass(frozen=True, slots=True)
class SectionScore:
    """What one section adds to the metrics; None where its labels have no boxes or no siblings."""

    name: str
    site: str
    layout_accuracy: float
    nodes: int
    nodes_right: int
    elements: Overlap
    props: Overlap
    visual_similarity: float | None
    box_ious: tuple[float, ...]
    aesthetic: float | None
    aesthetic_truth: float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric's value over `count` things with its confidence interval; None with a reason."""

    value: float | None
    count: int
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Metric:
    """A metric's name, its two sums in one section, and why it may be undefined."""

    name: str
    sums: Callable[[SectionScore], tuple[float, float]]
    undefined: str


_NO_BOXES = "no section has a box for every element"
_NO_SIBLINGS = "no section has boxes and sibling elements"
_NONE_RIGHT = "no rightly predicted element with a box"

METRICS = (
    Metric("layout_accuracy", lambda s: (s.layout_accuracy, 1), "no sections"),
    Metric("element_precision", lambda s: (s.elements.right, s.elements.predicted), "no sections"),
    Metric("element_recall", lambda s: (s.elements.right, s.elements.true), "no sections"),
    Metric("element_f1", lambda s: _f1_sums(s.elements), "no sections"),
    Metric("node_accuracy", lambda s: (s.nodes_right, s.nodes), "no sections"),
    Metric("prop_f1", lambda s: _f1_sums(s.props), "no props, neither predicted nor true"),
    Metric("visual_similarity", lambda s: _mean_sums(s.visual_similarity), _NO_BOXES),
    Metric("box_iou", lambda s: (sum(s.box_ious), len(s.box_ious)), _NONE_RIGHT),
    Metric("aesthetic_score", lambda s: _mean_sums(s.aesthetic), _NO_SIBLINGS),
    Metric("aesthetic_score_truth", lambda s: _mean_sums(s.aesthetic_truth), _NO_SIBLINGS),
)
METRIC_NAMES = tuple(metric.name for metric in METRICS)


def evaluate_pairs(pairs: Sequence[Pair]) -> dict[str, Measure]:
    """All metrics of a set of predictions, by name, in the order of METRICS."""
    return measures([section_score(pair) for pair in pairs])


def measures(scores: Sequence[SectionScore]) -> dict[str, Measure]:
    """All metrics of already scored sections, by name, with intervals that resample sites."""
    return {metric.name: _measure(metric, scores) for metric in METRICS}


def layout_accuracy(pairs: Iterable[Pair]) -> float | None:
    """The metric `layout_accuracy` alone; None without pairs."""
    scores = [
        tree_similarity(
            placed_elements(pair.structure, pair.predicted),
            placed_elements(pair.structure, pair.truth),
        )
        for pair in pairs
    ]
    return float(np.mean(scores)) if scores else None


def section_score(pair: Pair) -> SectionScore:
    """Score one section.

    Raises:
        SectionError: labels that break the label law.
    """
    predicted = placed_elements(pair.structure, pair.predicted)
    true = placed_elements(pair.structure, pair.truth)
    boxed_predicted, boxed_true = _all_boxed(predicted), _all_boxed(true)
    both = boxed_predicted and boxed_true
    return SectionScore(
        name=pair.name,
        site=pair.site,
        layout_accuracy=tree_similarity(predicted, true),
        nodes=len(pair.structure),
        nodes_right=sum(map(str.__eq__, pair.predicted.roles, pair.truth.roles)),
        elements=_overlap(_identities(predicted), _identities(true)),
        props=_overlap(_props(pair.predicted), _props(pair.truth)),
        visual_similarity=painting_similarity(paint(predicted), paint(true)) if both else None,
        box_ious=_box_ious(predicted, true) if both else (),
        aesthetic=aesthetic_score(predicted) if boxed_predicted else None,
        aesthetic_truth=aesthetic_score(true) if boxed_true else None,
    )


def right_elements(pair: Pair) -> list[bool]:
    """Whether each predicted element is right in role and DOM nodes, in pre-order."""
    true = _identities(placed_elements(pair.structure, pair.truth))
    return [(e.role, e.nodes) in true for e in placed_elements(pair.structure, pair.predicted)]


def confusion_counts(pairs: Iterable[Pair]) -> NDArray[np.int64]:
    """Count DOM nodes by true label (row) and predicted label (column), in order of NODE_ROLES."""
    index = {role: i for i, role in enumerate(NODE_ROLES)}
    counts = np.zeros((len(NODE_ROLES), len(NODE_ROLES)), np.int64)
    for pair in pairs:
        for true, predicted in zip(pair.truth.roles, pair.predicted.roles, strict=True):
            counts[index[true], index[predicted]] += 1
    return counts


def _measure(metric: Metric, scores: Sequence[SectionScore]) -> Measure:
    tops, bottoms = zip(*map(metric.sums, scores), strict=True) if scores else ((), ())
    count = int(sum(bottoms))
    if not count:
        return Measure(None, 0, reason=metric.undefined)
    interval = bootstrap_ratio([score.site for score in scores], tops, bottoms)
    return Measure(sum(tops) / count, count, *(interval or (None, None)))


def _f1_sums(overlap: Overlap) -> tuple[float, float]:
    return 2 * overlap.right, overlap.predicted + overlap.true


def _mean_sums(value: float | None) -> tuple[float, float]:
    return (0.0, 0) if value is None else (value, 1)


def _overlap(predicted: set, true: set) -> Overlap:
    return Overlap(len(predicted), len(true), len(predicted & true))


def _identities(elements: Sequence[Placed]) -> set[tuple[str, frozenset[int]]]:
    return {(element.role, element.nodes) for element in elements}


def _props(labels: Labels) -> set[tuple[int, str]]:
    return {(i, prop) for i, prop in enumerate(labels.props) if prop != NO_PROP}


def _all_boxed(elements: Sequence[Placed]) -> bool:
    return all(element.box is not None for element in elements)


def _box_ious(predicted: Sequence[Placed], true: Sequence[Placed]) -> tuple[float, ...]:
    found = {(element.role, element.nodes): element.box for element in true}
    return tuple(
        box_iou(element.box, box)
        for element in predicted
        if element.box and (box := found.get((element.role, element.nodes)))
    )
