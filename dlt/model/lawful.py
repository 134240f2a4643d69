"""The most likely labels that obey the label law: an exact search over the tree.

Axis suffixes: n node, o owner.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_PROPS, NODE_ROLES, ROLES, ROOT_ROLE

_MERGE, _DROP = NODE_ROLES.index(MERGE), NODE_ROLES.index(DROP)
_ROOT = NODE_ROLES.index(ROOT_ROLE)
_LEAST = -1e4  # as a log-probability: what is this unlikely can still be right beside what is given

Floats = NDArray[np.floating]


def lawful_roles(
    parents: Sequence[int],
    log_probs: Floats,
    owner_log_probs: Floats | None = None,
    given: Mapping[int, str] | None = None,
) -> list[str]:
    """The role labels of highest total log-probability among those that obey the law.

    Labels also say which element each node is in, its owner. Where several nodes of a chain may start
    an element, none of them is likely to, but what lies below is likely to be in one: so the log-
    probabilities of roles and of owners are added up. A dynamic programme from the leaves up over what
    a node hands down: its owner, and whether it belongs to it; only then may its children merge. The
    root starts the section, no other node does.

    Args:
        parents: of N nodes in pre-order.
        log_probs: [N, len(NODE_ROLES)].
        owner_log_probs: [N, len(ROLES)]; None: nothing is known of owners.
        given: labels by node that stay; lawful labels with them must exist.
    """
    count, owners = len(parents), len(ROLES)
    own_no = np.zeros((count, owners)) if owner_log_probs is None else owner_log_probs
    own_no = np.maximum(own_no, _LEAST)
    log_probs = np.maximum(log_probs, _LEAST)
    log_probs[1:, _ROOT] = -np.inf
    for node, role in (given or {}).items():
        log_probs[node] = np.where(np.arange(len(NODE_ROLES)) == NODE_ROLES.index(role), 0, -np.inf)
    # best score of what lies below a node, by its owner, where the node belongs to it and where not
    kept_no, dropped_no = np.zeros((2, count, owners))
    choices: list[Floats] = [own_no] * count  # of the root: never looked at
    for i in range(count - 1, 0, -1):
        choices[i] = _choices(log_probs[i], own_no[i], kept_no[i], dropped_no[i])
        dropped_no[parents[i]] += choices[i][:2].max(0)
        kept_no[parents[i]] += choices[i].max(0)
    chosen, owner = [_ROOT], [_ROOT]
    for i in range(1, count):
        above = owner[parents[i]]
        dropped, started, merged = choices[i][:, above]
        if chosen[parents[i]] != _DROP and merged > max(started, dropped):
            label = _MERGE
        else:
            label = _best_start(log_probs[i], own_no[i], kept_no[i]) if started > dropped else _DROP
        chosen.append(label)
        owner.append(label if label < owners else above)
    return [NODE_ROLES[label] for label in chosen]


def _choices(log_probs: Floats, own_o: Floats, kept_o: Floats, dropped_o: Floats) -> Floats:
    """The best scores [3, owners] of a node and what lies below it, if it is dropped, starts an
    element or merges, by the owner of its parent."""
    dropped = log_probs[_DROP] + own_o + dropped_o
    started = np.full_like(dropped, (log_probs[: len(ROLES)] + own_o + kept_o).max())
    merged = log_probs[_MERGE] + own_o + kept_o
    return np.stack([dropped, started, merged])


def _best_start(log_probs: Floats, own_o: Floats, kept_o: Floats) -> int:
    return int((log_probs[: len(ROLES)] + own_o + kept_o).argmax())


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
