"""What nodes that look alike tell about each other, in all sections of a site.

A site is made of the same few parts, and a part has the same class names and the same contents
wherever it stands. So what the model believes of a node is drawn towards what it believes of all that
are like it, taken together: the mean of their probabilities. That is a mixture, as what looks alike is
not always the same: a node of which the model is sure keeps its label against as many sure others as
its odds to the power of (1 - share) / share.

Axis suffixes: m node of any section, f score.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from dlt.model.decode import Scores
from dlt.model.known import Known
from dlt.section.roles import NODE_ROLES
from dlt.section.tree import Structure, children

_ROLES = len(NODE_ROLES)
_LEAST = 1e-30  # of a probability, before its logarithm is taken


def agree(
    structures: Sequence[Structure],
    sites: Sequence[str],
    scores: Sequence[Scores],
    share: float,
    known: Sequence[Known | None] | None = None,
) -> list[Scores]:
    """The scores of roles and owners of sections, moved towards those of nodes that are alike.

    A log-probability moves towards the logarithm of the mean probability. What is given is no
    evidence, and stays as it is.

    Args:
        share: how far: 0 leaves all scores as they are, 1 makes the probabilities of nodes that are
            alike equal.
    """
    if not structures:
        return []
    given: list[Collection[int]] = [
        own.roles if own else () for own in known or [None] * len(structures)
    ]
    beliefs = [_beliefs(own, len(s)) for own, s in zip(scores, structures, strict=True)]
    beliefs_mf = np.concatenate(beliefs)
    kind_m = _kinds(structures, sites, given)
    sums = np.zeros((kind_m.max() + 1, beliefs_mf.shape[1]))
    np.add.at(sums, kind_m, beliefs_mf)
    mean_mf = (sums / np.bincount(kind_m)[:, None])[kind_m]
    moves_mf = share * (np.log(mean_mf) - np.log(beliefs_mf))
    moves = np.split(moves_mf, np.cumsum([len(own) for own in beliefs])[:-1])
    return [_moved(*of_section) for of_section in zip(scores, beliefs, moves, strict=True)]


def look_alikes(
    structures: Sequence[Structure], sites: Sequence[str]
) -> Iterator[list[Hashable | None]]:
    """For each section what its nodes have in common with those like them, whatever the section.

    That is the site, the tag and class names of the node, and those of its children without regard
    to their number. Names that a site has on one node only count for nothing, as builders give each
    element one of its own. None stands for roots and for nodes without any other names, which look
    like too much.
    """
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for structure, site in zip(structures, sites, strict=True):
        for node in structure.nodes:
            names[site].update(set(node.classes))
    for structure, site in zip(structures, sites, strict=True):
        own = [
            (node.tag, frozenset(name for name in node.classes if names[site][name] > 1))
            for node in structure.nodes
        ]
        below = [frozenset(own[k] for k in kids) for kids in children(structure.parents)]
        yield [
            (site, *look) if i and look[0][1] else None
            for i, look in enumerate(zip(own, below, strict=True))
        ]


def _kinds(
    structures: Sequence[Structure], sites: Sequence[str], given: Sequence[Collection[int]]
) -> NDArray[np.int64]:
    """A number for each node of each section [M], the same for open nodes that are alike."""
    fresh = count()
    numbers: defaultdict[Hashable, int] = defaultdict(lambda: next(fresh))
    return np.array(
        [
            next(fresh) if look is None or node in fixed else numbers[look]
            for looks, fixed in zip(look_alikes(structures, sites), given, strict=True)
            for node, look in enumerate(looks)
        ]
    )


def _beliefs(scores: Scores, nodes: int) -> NDArray[np.float64]:
    """The probabilities of a section's roles and owners, each by itself: no 0 among them."""
    owners = softmax(scores.owners[:nodes].astype(float), axis=1)
    probs = np.concatenate([scores.role_probs[:nodes].astype(float), owners], axis=1)
    return np.maximum(probs, _LEAST)


def _moved(scores: Scores, beliefs_nf: NDArray[np.float64], move_nf: NDArray[np.float64]) -> Scores:
    nodes, roles, owners = len(move_nf), move_nf[:, :_ROLES], move_nf[:, _ROLES:]
    return replace(
        scores,
        roles=scores.roles[:nodes] + roles,
        owners=scores.owners[:nodes] + owners,
        role_probs=softmax(np.log(beliefs_nf[:, :_ROLES]) + roles, axis=1),
    )
