"""Trained baselines without pixels: ensembles of trees over hand-made node features.

Extremely randomised trees (Geurts et al. 2006) and gradient boosting (Friedman 2001, on histograms),
as scikit-learn has them. They see what is the same on every site (tags, tree shape, text lengths; no
class names) and label each node alone; the label law is applied afterwards. No boxes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from dlt.errors import DltError
from dlt.evaluate.baselines import LabelledSection, lawful_roles
from dlt.process import cores
from dlt.section.labels import Labels
from dlt.section.roles import NO_PROP, PROPS
from dlt.section.tree import Structure, children, depths, subtree_ends

Classifier: TypeAlias = ExtraTreesClassifier | HistGradientBoostingClassifier

TREES = 200
ROUNDS = 100  # of boosting, with one small tree for each label
KINDS = tuple(
    frozenset(tags.split())
    for tags in (
        "div section header footer main article aside nav|span b i em strong|p|h1 h2|h3 h4 h5 h6|a|"
        "button|img picture|svg path|ul ol|li|iframe|video|hr|form input textarea|figure|i"
    ).split("|")
)
"""Tags that do the same job."""


def extra_trees(seed: int) -> ExtraTreesClassifier:
    """Extremely randomised trees, untrained."""
    return ExtraTreesClassifier(TREES, n_jobs=cores(), random_state=seed, max_features=0.2)


def boosted_trees(seed: int) -> HistGradientBoostingClassifier:
    """Gradient boosting, untrained; it wants a strong penalty, for most labels are rare."""
    return HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        max_leaf_nodes=8,
        max_features=0.1,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=seed,
    )


ENSEMBLES: Mapping[str, Callable[[int], Classifier]] = {
    "extra_trees": extra_trees,
    "boosted_trees": boosted_trees,
}


class NodeTrees:
    """One ensemble for roles and one for props."""

    def __init__(
        self,
        train: Iterable[LabelledSection],
        make: Callable[[int], Classifier] = extra_trees,
        seed: int = 0,
    ):
        sections = list(train)
        if not sections:
            raise DltError("node trees: no training sections")
        features = np.concatenate([node_features(structure) for structure, _ in sections])
        roles = [role for _, known in sections for role in known.roles]
        props = [prop for _, known in sections for prop in known.props]
        self.roles = make(seed).fit(features, roles)
        self.props = make(seed).fit(features, props)

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
    """What the trees see of N nodes, [N, features].

    The features of `_own` of the node, of three generations above it, of its first child and
    grandchild, and of its neighbours; zeros where there is none.
    """
    own, kids = _own(structure), children(structure.parents)
    parent = np.array([*structure.parents, -1])  # -1: no such node, whose row is the last
    first = np.array([*(mine[0] if mine else -1 for mine in kids), -1])
    previous, following = np.full((2, len(parent)), -1)
    for mine in kids:
        previous[mine[1:]] = mine[:-1]
        following[mine[:-1]] = mine[1:]
    above = parent[parent]
    places = (parent, above, parent[above], first, first[first], previous, following)
    padded = np.concatenate([own, np.zeros((1, own.shape[1]), np.float32)])
    return np.concatenate([own, *(padded[place[:-1]] for place in places)], axis=1)


def _own(structure: Structure) -> NDArray[np.float32]:
    """For each node: its kind of tag, its place, its text, and what its subtree holds."""
    parents, nodes = structure.parents, structure.nodes
    kids, levels, ends = children(parents), depths(parents), subtree_ends(parents)
    kinds = np.array([[node.tag in tags for tags in KINDS] for node in nodes], np.float32)
    texts = np.array([len(node.text) for node in nodes], np.float32)
    rows = []
    for i, (node, parent) in enumerate(zip(nodes, parents, strict=True)):
        siblings = kids[parent] if parent >= 0 else [0]
        below = slice(i + 1, ends[i])
        height = max(levels[i : ends[i]]) - levels[i]
        alike = sum(nodes[s].selector == node.selector for s in siblings)
        chain = _chain(i, parents, kids)
        place = [levels[i], height, chain, siblings.index(i), len(siblings), alike, len(kids[i])]
        held = [ends[i] - i, *kinds[below].sum(axis=0), texts[below].sum()]
        rows.append([*kinds[i], *place, texts[i], len(node.text.split()), *held])
    return np.array(rows, np.float32)


def _chain(node: int, parents: Sequence[int], kids: Sequence[Sequence[int]]) -> int:
    """How many generations up a node has been an only child."""
    length = 0
    while parents[node] >= 0 and len(kids[parents[node]]) == 1:
        node, length = parents[node], length + 1
    return length
