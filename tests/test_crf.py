"""The joint distribution of a tree's roles, against sums over all labellings."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.model.crf import NUM_LINKS, log_probability, surprise
from dlt.section.errors import SectionError
from dlt.section.labels import element_of_nodes
from dlt.section.roles import DROP, MERGE, NODE_ROLES, ROLES, ROOT_ROLE
from tests.strategies import link_of, parents

_SOME = ["grid", "paragraph", MERGE, DROP]  # of all labels, for the sums to stay short


def owners_of(tree: list[int], roles: list[str]) -> list[int]:
    """The owner of each node; raises as `element_of_nodes` does."""
    started = [role for role in roles if role in ROLES]
    return [ROLES.index(started[k]) for k in element_of_nodes(tree, roles).enclosing]


def drawn_scores(tree: list[int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of roles, of owners and of links below owners, in which only _SOME labels count."""
    rng = np.random.default_rng(seed)
    roles = rng.normal(size=(len(tree), len(NODE_ROLES)))
    roles[:, [i for i, role in enumerate(NODE_ROLES) if role not in _SOME]] = -1e3
    owners = rng.normal(size=(len(tree), len(ROLES)))
    return roles, owners, rng.normal(size=(len(ROLES), NUM_LINKS))


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
    roles, owners, below = drawn_scores(tree, seed)
    scores = lawful_scores(tree, roles, owners, below)
    true = data.draw(st.sampled_from(sorted(scores)))
    open_nodes = [data.draw(st.booleans()) for _ in tree]
    possible = [
        score
        for names, score in scores.items()
        if all(o or a == b for o, a, b in zip(open_nodes, names, true, strict=True))
    ]
    wanted = np.logaddexp.reduce(possible) - scores[true]

    padded = 2  # nodes of padding, which change nothing
    found = surprise(
        (
            torch.from_numpy(np.pad(roles, ((0, padded), (0, 0))))[None],
            torch.from_numpy(np.pad(owners, ((0, padded), (0, 0))))[None],
            torch.from_numpy(below),
        ),
        (
            torch.tensor([[NODE_ROLES.index(name) for name in true] + [0] * padded]),
            torch.tensor([owners_of(tree, list(true)) + [0] * padded]),
        ),
        torch.tensor([open_nodes + [True] * padded]),
        torch.tensor([[max(parent, 0) for parent in tree] + [0] * padded]),
        torch.tensor([[True] * len(tree) + [False] * padded]),
    )
    assert found.item() == pytest.approx(wanted, abs=1e-6)


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
