"""The most likely labels that obey the label law: an exact search over the tree.

Axis suffixes: n node, r role label, o owner, l link (see `dlt.model.crf`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlt.model.crf import DROPS, LOST, MERGES, NUM_LINKS
from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, NODE_ROLES, ROLES, ROOT_ROLE

_MERGE, _DROP = NODE_ROLES.index(MERGE), NODE_ROLES.index(DROP)
_ROOT = NODE_ROLES.index(ROOT_ROLE)
_LEAST = -1e4  # as a log-probability: what is this unlikely can still be right beside what is given

Floats = NDArray[np.floating]


def lawful_roles(
    parents: Sequence[int],
    log_probs: Floats,
    joint: tuple[Floats, Floats] | None = None,
    given: Mapping[int, str] | None = None,
) -> list[str]:
    """The role labels of highest total score among those that obey the law.

    A dynamic programme from the leaves up over what a node hands down: its owner, and whether the
    node is part of it; only then may its children merge. The root starts the section, no other node
    does.

    Args:
        parents: of N nodes in pre-order.
        log_probs: [N, len(NODE_ROLES)].
        joint: scores of owners [N, len(ROLES)] and of links below owners [len(ROLES), NUM_LINKS],
            as in `dlt.model.crf`; None: each node's role by itself.
        given: labels by node that stay; lawful labels with them must exist.
    """
    count, size = len(parents), len(ROLES)
    owners_no, below_ol = joint or (np.zeros((count, size)), np.zeros((size, NUM_LINKS)))
    siblings = Counter(parents[1:])
    log_probs = np.maximum(log_probs, _LEAST)
    log_probs[1:, _ROOT] = -np.inf
    for node, role in (given or {}).items():
        log_probs[node] = np.where(np.arange(len(NODE_ROLES)) == NODE_ROLES.index(role), 0, -np.inf)
    # the best score of what lies below a node, by its owner, where the node is kept and where dropped
    kept_no, dropped_no = np.zeros((2, count, size))
    choices: dict[int, _Choices] = {}
    for i in range(count - 1, 0, -1):
        beside = siblings[parents[i]] > 1
        below = kept_no[i], dropped_no[i]
        choices[i] = own = _choose(log_probs[i], owners_no[i], below_ol, beside, below)
        dropped_no[parents[i]] += np.maximum(own.started, own.lost)
        kept_no[parents[i]] += np.maximum(np.maximum(own.started, own.dropped), own.merged)
    chosen, owners = [_ROOT], [_ROOT]
    for i in range(1, count):
        owner = owners[parents[i]]
        label = choices[i].best(owner, kept=chosen[parents[i]] != _DROP)
        chosen.append(label)
        owners.append(label if label < size else owner)
    return [NODE_ROLES[label] for label in chosen]


class _Choices(NamedTuple):
    """The best scores of a node and what lies below it, by the owner of its parent: [owners]."""

    started: Floats
    start: NDArray[np.integer]  # the role that is best to start
    merged: Floats
    dropped: Floats  # below a parent that is kept
    lost: Floats  # dropped below one that is dropped

    def best(self, owner: int, kept: bool) -> int:
        """The best label below `owner`, and a parent that is kept or dropped."""
        started, dropped = self.started[owner], (self.dropped if kept else self.lost)[owner]
        if kept and self.merged[owner] > max(started, dropped):
            return _MERGE
        return int(self.start[owner]) if started > dropped else _DROP


def _choose(
    log_probs_r: Floats,
    owners_o: Floats,
    below_ol: Floats,
    beside: bool,
    below: tuple[Floats, Floats],
) -> _Choices:
    """The choices of a node.

    Args:
        beside: whether it has siblings.
        below: the best scores of what lies below it, by its owner, where it is kept and dropped.
    """
    kept_o, dropped_o = below
    starts_or = log_probs_r[: len(ROLES)] + owners_o + kept_o + below_ol[:, : len(ROLES)]
    drop_o = log_probs_r[_DROP] + owners_o + dropped_o
    return _Choices(
        started=starts_or.max(1),
        start=starts_or.argmax(1),
        merged=log_probs_r[_MERGE] + owners_o + kept_o + below_ol[:, MERGES + beside],
        dropped=drop_o + below_ol[:, DROPS + beside],
        lost=drop_o + below_ol[:, LOST],
    )


def lawful_props(probs: Floats, given: Mapping[int, str] | None = None) -> list[str]:
    """Props, each on at most one node: the likeliest, where it beats having none.

    Args:
        probs: [N, len(NODE_PROPS)], or their logarithms.
        given: labels by node that stay; each prop on at most one.
    """
    known = given or {}
    chosen = [known.get(i, NO_PROP) for i in range(len(probs))]
    open_nodes = [i for i in range(len(probs)) if i not in known]
    for prop, name in enumerate(NODE_PROPS):
        if prop and name not in chosen and open_nodes:
            node = max(open_nodes, key=lambda i: probs[i, prop])
            if probs[node].argmax() == prop:
                chosen[node] = name
    return chosen
