"""What nodes that look alike tell about each other, in all sections of a site.

A site is made of the same few parts, and a part has the same class names and the same contents
wherever it stands. So what the model believes of a node is drawn towards what it believes of all that
are like it, taken together: the mean of their probabilities. That is a mixture, as what looks alike is
not always the same: a node of which the model is sure keeps its label against as many sure others as
its odds to the power of (1 - share) / share.

A given role is one of these probabilities, a certain one. In its own section it tells more: what a
person says of one card holds for the others. The roles of nodes that the same selectors lead to are
draws from a Dirichlet prior of weight _DOUBT, and what it predicts after the given ones multiplies the
probabilities of the open ones.

Axis suffixes: m node of any section, r role label, f probability.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from dlt.model.decode import Scores
from dlt.model.known import Known
from dlt.section.roles import NODE_ROLES, ROLES
from dlt.section.tree import Structure, children

_DOUBT = 3.0  # of nodes of one path sharing a role, against each given one that shows it
_LEAST = 1e-30  # of a probability, before its logarithm is taken

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


def agree(
    structures: Sequence[Structure],
    sites: Sequence[str],
    scores: Sequence[Scores],
    share: float,
    known: Sequence[Known | None] | None = None,
) -> list[Scores]:
    """The scores of sections, moved by what nodes that are alike tell about each other.

    What is given stays as it is.

    Args:
        share: how far a log-probability moves towards the logarithm of the mean probability: 1 makes
            the probabilities of nodes that are alike equal.
    """
    if not structures or not (share or any(known or ())):
        return list(scores)
    given_m = _given(structures, known or [None] * len(structures))
    beliefs = [_beliefs(own, len(s)) for own, s in zip(scores, structures, strict=True)]
    look_m = _numbered(look_alikes(structures, sites))
    moves_mf = share * _towards_mean(np.concatenate(beliefs), look_m)
    told_mr = _told(_numbered(_paths(i, own) for i, own in enumerate(structures)), given_m)
    moves_mf += np.hstack([told_mr, told_mr[:, : len(ROLES)]])
    moves_mf[given_m >= 0] = 0
    moves = np.split(moves_mf, np.cumsum([len(own) for own in beliefs])[:-1])
    return [_moved(*of_section) for of_section in zip(scores, beliefs, moves, strict=True)]


def look_alikes(structures: Sequence[Structure], sites: Sequence[str]) -> Iterator[list[Hashable]]:
    """For each section what its nodes have in common with those like them.

    That is the site, the tag and class names of the node, and those of its children without regard
    to their number. Names that a site has on one node only count for nothing, as builders give each
    element one of its own. A node without any other names looks like too much: only those of its
    section with the same path of selectors are like it.
    """
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for structure, site in zip(structures, sites, strict=True):
        for node in structure.nodes:
            names[site].update(set(node.classes))
    for i, (structure, site) in enumerate(zip(structures, sites, strict=True)):
        own = [
            (node.tag, frozenset(name for name in node.classes if names[site][name] > 1))
            for node in structure.nodes
        ]
        below = [frozenset(own[k] for k in kids) for kids in children(structure.parents)]
        yield [
            (site, look, kids) if look[1] else path
            for look, kids, path in zip(own, below, _paths(i, structure), strict=True)
        ]


def _paths(section: int, structure: Structure) -> list[Hashable]:
    """For each node of a section the path of selectors that leads to it, as two numbers."""
    numbers: dict[tuple[int, str], int] = {}
    path: list[int] = []
    for node in structure.nodes:
        above = path[node.parent] if path else -1
        path.append(numbers.setdefault((above, node.selector), len(numbers)))
    return [(section, number) for number in path]


def _numbered(looks: Iterator[list[Hashable]]) -> Ints:
    """A number for each node of each section [M], the same for those that have the same in common.

    Nothing is like a root, whose role is certain.
    """
    fresh = count()
    numbers: defaultdict[Hashable, int] = defaultdict(lambda: next(fresh))
    return np.array(
        [numbers[look] if i else next(fresh) for own in looks for i, look in enumerate(own)]
    )


def _given(structures: Sequence[Structure], known: Sequence[Known | None]) -> Ints:
    """The given roles, as an index into NODE_ROLES; -1 where a role is open [M]."""
    roles: list[Mapping[int, str]] = [own.roles if own else {} for own in known]
    return np.array(
        [
            NODE_ROLES.index(own[i]) if i in own else -1
            for structure, own in zip(structures, roles, strict=True)
            for i in range(len(structure))
        ]
    )


def _beliefs(scores: Scores, nodes: int) -> Floats:
    """The probabilities of a section's roles and owners, each by itself: no 0 among them."""
    owners = softmax(scores.owners[:nodes].astype(float), axis=1)
    probs = np.hstack([scores.role_probs[:nodes].astype(float), owners])
    return np.maximum(probs, _LEAST)


def _towards_mean(beliefs_mf: Floats, look_m: Ints) -> Floats:
    """From the logarithms of probabilities to those of their means over nodes that are alike."""
    sums = np.zeros((look_m.max() + 1, beliefs_mf.shape[1]))
    np.add.at(sums, look_m, beliefs_mf)
    mean_mf = (sums / np.bincount(look_m)[:, None])[look_m]
    return np.log(mean_mf) - np.log(beliefs_mf)


def _told(path_m: Ints, given_m: Ints) -> Floats:
    """The logarithms of what given roles predict of nodes of the same path, over the prior [M, R]."""
    shown = np.full((path_m.max() + 1, len(NODE_ROLES)), _DOUBT / len(NODE_ROLES))
    given = given_m >= 0
    np.add.at(shown, (path_m[given], given_m[given]), 1)
    return np.log(len(NODE_ROLES) * shown / shown.sum(axis=1, keepdims=True))[path_m]


def _moved(scores: Scores, beliefs_nf: Floats, move_nf: Floats) -> Scores:
    nodes, roles, owners = len(move_nf), *np.split(move_nf, [len(NODE_ROLES)], axis=1)
    return replace(
        scores,
        roles=scores.roles[:nodes] + roles,
        owners=scores.owners[:nodes] + owners,
        role_probs=softmax(np.log(beliefs_nf[:, : len(NODE_ROLES)]) + roles, axis=1),
    )
