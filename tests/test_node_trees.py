"""The trained baselines: they learn and obey the label law."""

import numpy as np
import pytest

from dlt.errors import DltError
from dlt.evaluate.node_trees import ENSEMBLES, NodeTrees, node_features
from dlt.section.labels import Labels, contract
from dlt.section.tree import Node, Structure

STRUCTURE = Structure(
    (
        Node("section", -1),
        Node("div.inner", 0),
        Node("h2", 1, "Title"),
        Node("p", 1, "Some words"),
        Node("div.shade", 0),
    )
)
TRUTH = Labels(
    ("section", "merge", "heading", "paragraph", "drop"), ("none", "none", "none", "none", "bo")
)


@pytest.fixture(scope="module", params=list(ENSEMBLES))
def trees(request: pytest.FixtureRequest) -> NodeTrees:
    return NodeTrees([(STRUCTURE, TRUTH)] * 40, ENSEMBLES[request.param])


def test_what_was_seen_is_known(trees: NodeTrees) -> None:
    assert trees.predict(STRUCTURE) == TRUTH


def test_what_was_never_seen_obeys_the_law(trees: NodeTrees) -> None:
    odd = Structure((Node("p", -1), Node("h2", 0), Node("section", 1), Node("video", 2)))
    contract(odd, trees.predict(odd))
    contract(Structure((Node("svg", -1),)), trees.predict(Structure((Node("svg", -1),))))


def test_features_have_one_row_a_node() -> None:
    features = node_features(STRUCTURE)
    assert features.shape[0] == 5 and np.isfinite(features).all()


def test_no_training_sections_are_a_fault() -> None:
    with pytest.raises(DltError, match="no training sections"):
        NodeTrees([])
