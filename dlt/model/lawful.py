"""The most likely labels that obey the label law: an exact search over the tree."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, NODE_ROLES, ROOT_ROLE

_MERGE, _DROP = NODE_ROLES.index(MERGE), NODE_ROLES.index(DROP)
_STARTS = [i for i, role in enumerate(NODE_ROLES) if role not in (MERGE, DROP)]
_ROOT = NODE_ROLES.index(ROOT_ROLE)

Floats = NDArray[np.floating]


def lawful_roles(parents: Sequence[int], log_probs: Floats) -> list[str]:
    """The role labels of highest total log-probability among those that obey the law.

    A dynamic programme from the leaves up over one bit a node, whether it belongs to an element:
    only then may its children merge. The root starts the section.

    Args:
        parents: of N nodes in pre-order.
        log_probs: [N, len(NODE_ROLES)]; -inf forbids, as beside a given label.
    """
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


def lawful_props(probs: Floats) -> list[str]:
    """Props, each on at most one node: the likeliest, where it beats having none.

    Args:
        probs: [N, len(NODE_PROPS)].
    """
    chosen = [NO_PROP] * len(probs)
    for prop in range(1, len(NODE_PROPS)):
        node = int(probs[:, prop].argmax())
        if probs[node].argmax() == prop:
            chosen[node] = NODE_PROPS[prop]
    return chosen
