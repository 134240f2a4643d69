"""The most likely labels that obey the label law: an exact search over the tree."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, NODE_ROLES, ROOT_ROLE

_MERGE, _DROP = NODE_ROLES.index(MERGE), NODE_ROLES.index(DROP)
_STARTS = [i for i, role in enumerate(NODE_ROLES) if role not in (MERGE, DROP)]
_ROOT = NODE_ROLES.index(ROOT_ROLE)
_LEAST = -1e4  # as a log-probability: what is this unlikely can still be right beside what is given

Floats = NDArray[np.floating]


def lawful_roles(
    parents: Sequence[int], log_probs: Floats, given: Mapping[int, str] | None = None
) -> list[str]:
    """The role labels of highest total log-probability among those that obey the law.

    A dynamic programme from the leaves up over one bit a node, whether it belongs to an element:
    only then may its children merge. The root starts the section, no other node does.

    Args:
        parents: of N nodes in pre-order.
        log_probs: [N, len(NODE_ROLES)].
        given: labels by node that stay; lawful labels with them must exist.
    """
    log_probs = np.maximum(log_probs, _LEAST)
    log_probs[1:, _ROOT] = -np.inf
    for node, role in (given or {}).items():
        log_probs[node] = np.where(np.arange(len(NODE_ROLES)) == NODE_ROLES.index(role), 0, -np.inf)
    count = len(parents)
    start = np.array(_STARTS)[log_probs[:, _STARTS].argmax(1)]
    # best score of a node's subtree: its own labels plus what its children add below it
    below_kept, below_dropped = np.zeros(count), np.zeros(count)
    for i in range(count - 1, 0, -1):
        kept, dropped = _choices(log_probs[i], start[i], below_kept[i], below_dropped[i])
        below_kept[parents[i]] += max(kept, dropped, log_probs[i, _MERGE] + below_kept[i])
        below_dropped[parents[i]] += max(kept, dropped)
    chosen = [_ROOT]
    for i in range(1, count):
        kept, dropped = _choices(log_probs[i], start[i], below_kept[i], below_dropped[i])
        merged = log_probs[i, _MERGE] + below_kept[i]
        if chosen[parents[i]] != _DROP and merged > max(kept, dropped):
            chosen.append(_MERGE)
        else:
            chosen.append(int(start[i]) if kept > dropped else _DROP)
    return [NODE_ROLES[label] for label in chosen]


def _choices(log_probs: Floats, start: int, kept: float, dropped: float) -> tuple[float, float]:
    return float(log_probs[start] + kept), float(log_probs[_DROP] + dropped)


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
