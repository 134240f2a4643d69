"""Two predictors that learn almost nothing: what a model has to beat. And the model beside itself.

The two see tags and tree shape only, no class names, texts or pixels.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dlt.errors import DltError
from dlt.model.decode import Scores, decode, element_boxes
from dlt.model.known import Known
from dlt.section.labels import Labels
from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, NODE_ROLES, ROLES, ROOT_ROLE
from dlt.section.tree import Structure

LabelledSection = tuple[Structure, Labels]


class Baseline(Protocol):
    """A fitted predictor of labels that obey the label law."""

    def predict(self, structure: Structure) -> Labels:
        """Predict the labels of one section."""
        ...


class TagLabel:
    """Gives each node the role label that its tag has most often; no props, no boxes."""

    def __init__(self, train: Iterable[LabelledSection]):
        counts: dict[str, Counter[str]] = {}
        for structure, labels in train:
            # the root has the label it must have, which says nothing about its tag
            for node, role in zip(structure.nodes[1:], labels.roles[1:], strict=True):
                counts.setdefault(node.tag, Counter())[role] += 1
        self.role_of = {tag: count.most_common(1)[0][0] for tag, count in counts.items()}

    def predict(self, structure: Structure) -> Labels:
        """Predict the labels of one section; a tag never seen is dropped."""
        roles = [self.role_of.get(node.tag, DROP) for node in structure.nodes]
        return Labels(lawful_roles(structure.parents, roles), (NO_PROP,) * len(structure))


class NearestSection:
    """Copies the labels of the training section that has the most similar tree.

    Similarity is the Jaccard index of the bags of (parent tag, child tag) pairs, the first of
    equally similar sections counting. Labels are transferred by position: the n-th node in
    pre-order gets the label, prop and box of the n-th node there; nodes beyond are dropped.
    """

    def __init__(self, train: Iterable[LabelledSection]):
        sections = list(train)
        if not sections:
            raise DltError("nearest section: no training sections")
        self.labels = [labels for _, labels in sections]
        self.sizes = np.array([len(structure) for structure, _ in sections], np.float32)
        self.counts = _count_columns([tag_bigrams(structure) for structure, _ in sections])

    def predict(self, structure: Structure) -> Labels:
        """Predict the labels of one section."""
        found = self.labels[int(self._similarities(structure).argmax())]
        shared = min(len(structure), len(found.roles))
        beyond = len(structure) - shared
        roles = lawful_roles(structure.parents, found.roles[:shared] + (DROP,) * beyond)
        boxes = None
        if found.boxes is not None:
            boxes = tuple(
                box if role in ROLES else None
                for role, box in zip(roles, found.boxes[:shared] + (None,) * beyond, strict=True)
            )
        return Labels(roles, found.props[:shared] + (NO_PROP,) * beyond, boxes)

    def _similarities(self, structure: Structure) -> NDArray[np.float32]:
        shared = np.zeros_like(self.sizes)
        for bigram, count in tag_bigrams(structure).items():
            if bigram in self.counts:
                shared += np.minimum(self.counts[bigram], count)
        return shared / (self.sizes + len(structure) - shared)


def without_boxes(structure: Structure, scores: Scores, known: Known | None = None) -> Labels:
    """As `decode`, but for boxes: those of a hidden screenshot are no match for any other."""
    return replace(decode(structure, scores, known), boxes=None)


def independent(structure: Structure, scores: Scores, known: Known | None = None) -> Labels:
    """Each node's likeliest labels by themselves, mended only where they break the law.

    What a model's probabilities are worth without the search for the likeliest lawful labels.
    """
    count = len(structure)
    roles = lawful_roles(
        structure.parents, [NODE_ROLES[i] for i in scores.roles[:count].argmax(axis=1)]
    )
    props: list[str] = []
    for i in scores.props[:count].argmax(axis=1):
        props.append(NO_PROP if NODE_PROPS[i] in props else NODE_PROPS[i])
    return Labels(roles, tuple(props), element_boxes(roles, scores, known))


def tag_bigrams(structure: Structure) -> Counter[tuple[str, str]]:
    """Count the (parent tag, child tag) pairs of a tree; the root's parent tag is empty."""
    tags = [node.tag for node in structure.nodes]
    return Counter(
        (tags[parent] if parent >= 0 else "", tag)
        for parent, tag in zip(structure.parents, tags, strict=True)
    )


def lawful_roles(parents: Sequence[int], roles: Sequence[str]) -> tuple[str, ...]:
    """The nearest role labels that obey the label law.

    The root starts the section and no other node does; a merge under a dropped parent is a drop.
    """
    lawful = [ROOT_ROLE]
    for parent, role in zip(parents[1:], roles[1:], strict=True):
        unlawful = role == ROOT_ROLE or (role == MERGE and lawful[parent] == DROP)
        lawful.append(DROP if unlawful else role)
    return tuple(lawful)


def _count_columns(
    bags: Sequence[Counter[tuple[str, str]]],
) -> dict[tuple[str, str], NDArray[np.float32]]:
    """For each bigram, how often it stands in each section."""
    columns: dict[tuple[str, str], NDArray[np.float32]] = {}
    for i, bag in enumerate(bags):
        for bigram, count in bag.items():
            columns.setdefault(bigram, np.zeros(len(bags), np.float32))[i] = count
    return columns


BASELINES: dict[str, Callable[[Sequence[LabelledSection]], Baseline]] = {
    "tag_label": TagLabel,
    "nearest": NearestSection,
}
