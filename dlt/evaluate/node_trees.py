"""A trained baseline without pixels: extremely randomised trees over hand-made node features.

Geurts et al. (2006), as scikit-learn has them. It sees what a DOM inspector shows (tags, tree
shape, text lengths, pieces of class names) and labels each node alone; the label law is applied
afterwards. No boxes.
"""

import re
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from dlt.errors import DltError
from dlt.evaluate.baselines import LabelledSection, lawful_roles
from dlt.process import cores
from dlt.section.labels import Labels
from dlt.section.roles import NO_PROP, PROPS
from dlt.section.tree import Structure, children, depths, subtree_ends

TREES = 200
TAG_BUCKETS = 61
CLASS_BUCKETS = 24

_PIECES = re.compile(r"[A-Za-z]+")
_HEADING = re.compile(r"h[1-6]$")


class NodeTrees:
    """One forest for roles and one for props."""

    def __init__(self, train: Iterable[LabelledSection], seed: int = 0):
        sections = list(train)
        if not sections:
            raise DltError("node trees: no training sections")
        features = np.concatenate([node_features(structure) for structure, _ in sections])
        self.roles = _fit(features, [r for _, known in sections for r in known.roles], seed)
        self.props = _fit(features, [p for _, known in sections for p in known.props], seed)

    def predict(self, structure: Structure) -> Labels:
        """Predict the labels of one section."""
        features = node_features(structure)
        roles = [str(role) for role in self.roles.predict(features)]
        props = [NO_PROP] * len(structure)
        shares = self.props.predict_proba(features)
        for column, prop in enumerate(self.props.classes_):
            node = int(shares[:, column].argmax())
            if prop in PROPS and shares[node, column] > 0.5:
                props[node] = str(prop)
        return Labels(lawful_roles(structure.parents, roles), tuple(props))


def node_features(structure: Structure) -> NDArray[np.float32]:
    """What the trees see of N nodes, [N, features]: each node, its parent, and its surroundings."""
    parents = structure.parents
    kids, levels, ends = children(parents), depths(parents), subtree_ends(parents)
    own = np.array([_tag_features(node.tag, node.text) for node in structure.nodes], np.float32)
    above = own[np.maximum(parents, 0)]
    classes = np.array([_class_pieces(node.classes) for node in structure.nodes], np.float32)
    place = np.zeros((len(structure), 8), np.float32)
    for i, parent in enumerate(parents):
        siblings = kids[parent] if parent >= 0 else [0]
        alike = sum(structure.nodes[s].selector == structure.nodes[i].selector for s in siblings)
        inside = range(i + 1, ends[i])
        pictures = sum(structure.nodes[j].tag in ("img", "svg", "picture") for j in inside)
        words = sum(len(structure.nodes[j].text) for j in inside)
        place[i] = (
            levels[i],
            siblings.index(i),
            len(siblings),
            alike,
            len(kids[i]),
            len(inside),
            pictures,
            words,
        )
    return np.concatenate([own, above, classes, place, place[np.maximum(parents, 0)]], axis=1)


def _tag_features(tag: str, text: str) -> tuple[float, ...]:
    return (
        zlib.crc32(tag.encode()) % TAG_BUCKETS,
        float(bool(_HEADING.match(tag))),
        float(tag in ("p", "span", "li")),
        float(tag in ("a", "button")),
        float(tag in ("img", "svg", "picture", "i", "video", "iframe")),
        float(tag in ("div", "section", "header", "footer", "main")),
        len(text),
        len(text.split()),
    )


def _class_pieces(classes: tuple[str, ...]) -> list[float]:
    """How many pieces of the class names fall into each bucket."""
    counts = [0.0] * CLASS_BUCKETS
    for piece in (piece for name in classes for piece in _PIECES.findall(name.lower())):
        counts[zlib.crc32(piece.encode()) % CLASS_BUCKETS] += 1
    return counts


def _fit(features: NDArray[np.float32], targets: list[str], seed: int) -> ExtraTreesClassifier:
    forest = ExtraTreesClassifier(
        TREES, min_samples_leaf=2, n_jobs=cores(), random_state=seed, max_features=0.3
    )
    return forest.fit(features, targets)
