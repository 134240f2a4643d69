"""The joint distribution of a tree's roles, against sums over all labellings."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.model.crf import NUM_LINKS, log_probability, surprise
from dlt.section.errors import SectionError
from dlt.section.labels import element_of_nodes
from dlt.section.roles import DROP, MERGE, NODE_ROLES, ROLES, ROOT_ROLE
from tests.strategies import parents

_SOME = ["grid", "paragraph", MERGE, DROP]  # of all labels, for the sums to stay short


def owners_of(tree: list[int], roles: list[str]) -> list[int]:
    """The owner of each node; raises as `element_of_nodes` does."""
    started = [role for role in roles if role in ROLES]
    return [ROLES.index(started[k]) for k in element_of_nodes(tree, roles).enclosing]


def link_of(tree: Sequence[int], roles: Sequence[str], node: int) -> int:
    """The link of a node to its parent: see `dlt.model.crf`."""
    beside = list(tree).count(tree[node]) > 1
    if roles[node] == MERGE:
        return len(ROLES) + beside
    if roles[node] != DROP:
        return ROLES.index(roles[node])
    return len(ROLES) + (4 if roles[tree[node]] == DROP else 2 + beside)


def drawn_scores(tree: list[int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of roles, of owners and of links below owners, in which only _SOME labels count."""
    rng = np.random.default_rng(seed)
    roles = rng.normal(size=(len(tree), len(NODE_ROLES)))
    roles[:, [i for i, role in enumerate(NODE_ROLES) if role not in _SOME]] = -1e3
    owners = rng.normal(size=(len(tree), len(ROLES)))
    return roles, owners, rng.normal(size=(len(ROLES), NUM_LINKS))


def padded(rows: np.ndarray, length: int) -> np.ndarray:
    """The same with rows of zeros below."""
    return np.pad(rows, [(0, length - len(rows))] + [(0, 0)] * (rows.ndim - 1))


def lawful_scores(
    tree: list[int], roles: np.ndarray, owners: np.ndarray, below: np.ndarray
) -> dict[tuple[str, ...], float]:
    """The score of every lawful labelling."""
    scores = {}
    for rest in itertools.product(_SOME, repeat=len(tree) - 1):
        names = (ROOT_ROLE, *rest)
        try:
            own = owners_of(tree, list(names))
        except SectionError:
            continue
        labels = [NODE_ROLES.index(name) for name in names]
        scores[names] = sum(
            roles[i, labels[i]] + owners[i, own[i]] + below[own[tree[i]], link_of(tree, names, i)]
            for i in range(1, len(tree))
        )
    return scores


@settings(max_examples=60, deadline=None)
@given(parents(max_nodes=5), st.integers(0, 2**32 - 1), st.data())
def test_probabilities_are_shares_of_all_lawful_labellings(
    tree: list[int], seed: int, data: st.DataObject
) -> None:
    below = np.random.default_rng(seed).normal(size=(len(ROLES), NUM_LINKS))
    trees = tree, [-1, 0, 0]  # padded to one length, and beyond; padding changes nothing
    length = max(map(len, trees)) + 2
    batch, wanted = [], []
    for section, own_tree in enumerate(trees):
        roles, owners, _ = drawn_scores(own_tree, seed + section)
        scores = lawful_scores(own_tree, roles, owners, below)
        true = data.draw(st.sampled_from(sorted(scores)))
        open_nodes = [data.draw(st.booleans()) for _ in own_tree]
        possible = [
            score
            for names, score in scores.items()
            if all(o or a == b for o, a, b in zip(open_nodes, names, true, strict=True))
        ]
        wanted.append(np.logaddexp.reduce(possible) - scores[true])
        columns = (
            roles,
            owners,
            np.array([NODE_ROLES.index(name) for name in true]),
            np.array(owners_of(own_tree, list(true))),
            np.array(open_nodes),
            np.maximum(own_tree, 0),
            np.ones(len(own_tree), bool),
        )
        batch.append([padded(column, length) for column in columns])
    role_scores, owner_scores, *labels, open_bn, above, mask = (
        torch.from_numpy(np.stack(rows)) for rows in zip(*batch, strict=True)
    )
    found = surprise(
        (role_scores, owner_scores, torch.from_numpy(below)),
        (labels[0], labels[1]),
        open_bn,
        above,
        mask,
    )
    assert found.tolist() == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(parents(max_nodes=5), st.integers(0, 2**32 - 1), st.data())
def test_allowed_labels_have_their_share_of_all_lawful_labellings(
    tree: list[int], seed: int, data: st.DataObject
) -> None:
    drawn = drawn_scores(tree, seed)
    scores = lawful_scores(tree, *drawn)
    one = data.draw(st.sampled_from(sorted(scores)))  # so that something is allowed
    allowed = np.random.default_rng(seed).random((len(tree), len(NODE_ROLES))) < 0.5
    allowed[range(len(tree)), [NODE_ROLES.index(name) for name in one]] = True
    shares = [
        score
        for names, score in scores.items()
        if all(allowed[i, NODE_ROLES.index(name)] for i, name in enumerate(names))
    ]
    wanted = np.logaddexp.reduce(shares) - np.logaddexp.reduce(list(scores.values()))
    roles, owners, below = map(torch.from_numpy, drawn)
    above = torch.tensor([max(parent, 0) for parent in tree])
    found = log_probability((roles, owners, below), torch.from_numpy(allowed)[None], above)
    assert found.item() == pytest.approx(wanted, abs=1e-6)
