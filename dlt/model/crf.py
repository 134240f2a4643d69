"""The joint distribution of a tree's roles: a conditional random field (Lafferty et al. 2001).

A node's state is its role label and its owner, the role of the element that it starts, joined or lies
in. A labelling's log-probability is, up to a constant, the sum over all nodes but the root of a score of
the role, one of the owner, and one of its *link* below its parent's owner; the law holds: only in a node
that is not dropped may a child merge. A link is the role that a node starts; or that it merges, as an
only child or beside siblings; or that it is dropped in an element, likewise; or that it is lost, which is
dropped below what is dropped. So the habit is learnt that wrappers belong to a widget down to where they
branch. As the tree has no cycles, the constant is found exactly, from the leaves up. Axis suffixes: b
section, n node, m node of any section, r role label, o owner, l link.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.section.roles import DROP, MERGE, NODE_ROLES, ROLES, ROOT_ROLE

_STARTS = len(ROLES)  # role labels up to here start an element of that role
_MERGE, _DROP = NODE_ROLES.index(MERGE), NODE_ROLES.index(DROP)
_ROOT = NODE_ROLES.index(ROOT_ROLE)
_NEVER = -1e4

# links: one for each role; of the next two pairs the first is for an only child, the second beside siblings
MERGES, DROPS, LOST = _STARTS, _STARTS + 2, _STARTS + 4
NUM_LINKS = _STARTS + 5


def surprise(
    scores: tuple[Tensor, Tensor, Tensor],
    labels: tuple[Tensor, Tensor],
    open_bn: Tensor,
    parents_bn: Tensor,
    node_mask: Tensor,
) -> Tensor:
    """-log p(labels that are open | the others) of each section: float [B].

    Args:
        scores: of roles [B, N, len(NODE_ROLES)], of owners [B, N, len(ROLES)], and of links below
            owners [len(ROLES), NUM_LINKS].
        labels: the true roles and owners, int64 [B, N], which obey the law.
        open_bn: bool, the nodes whose labels are not given.
        parents_bn: int64, the root is its own.
    """
    roles_bnr, owners_bno, below_ol = scores
    true_roles, true_owners = labels
    certain = F.one_hot(true_roles, len(NODE_ROLES)) == 1
    roles_bnr = roles_bnr.masked_fill(~open_bn[..., None] & ~certain, _NEVER)
    found = roles_bnr.gather(2, true_roles[..., None]) + owners_bno.gather(
        2, true_owners[..., None]
    )
    beside_bn = _beside(parents_bn, node_mask)
    links_bn = _links(true_roles, true_roles.gather(1, parents_bn), beside_bn)
    below_bn = below_ol[true_owners.gather(1, parents_bn), links_bn]
    own = (found[..., 0] + below_bn) * node_mask
    total = _log_partition(roles_bnr, owners_bno, below_ol, parents_bn, node_mask, beside_bn)
    return total - own[:, 1:].sum(1)


def log_probability(
    scores: tuple[Tensor, Tensor, Tensor], allowed_bnr: Tensor, parents_n: Tensor
) -> Tensor:
    """log p(each node of a section has one of its allowed labels), for B choices of these: float [B].

    Args:
        scores: of N nodes, as in `surprise`, of one section: [N, len(NODE_ROLES)] and so on.
        allowed_bnr: bool [B, N, len(NODE_ROLES)]; lawful labels that are allowed must exist.
        parents_n: int64, the root is its own.
    """
    roles_nr, owners_no, below_ol = scores
    choices = torch.cat([torch.ones_like(allowed_bnr[:1]), allowed_bnr])  # the first: all labels
    shape = choices.shape[:2]
    parents_bn, all_nodes = parents_n.expand(shape), torch.ones(shape, dtype=torch.bool)
    total, *parts = _log_partition(
        roles_nr.masked_fill(~choices, _NEVER),
        owners_no.expand(*shape, -1),
        below_ol,
        parents_bn,
        all_nodes,
        _beside(parents_bn, all_nodes),
    )
    return torch.stack(parts) - total


def _links(labels: Tensor, above: Tensor, beside: Tensor) -> Tensor:
    """The links of nodes with these role labels, below parents with those."""
    drops = torch.where(above == _DROP, LOST, DROPS + beside.long())
    ends = torch.where(labels == _MERGE, MERGES + beside.long(), drops)
    return torch.where(labels < _STARTS, labels, ends)


def _beside(parents_bn: Tensor, node_mask: Tensor) -> Tensor:
    """Whether nodes have siblings: bool [B, N]; of the root and of padding, anything."""
    below = node_mask.clone()
    below[:, 0] = False  # the root is no child
    count_bn = torch.zeros_like(parents_bn).scatter_add(1, parents_bn, below.long())
    return count_bn.gather(1, parents_bn) > 1


def _log_partition(
    roles_bnr: Tensor,
    owners_bno: Tensor,
    below_ol: Tensor,
    parents_bn: Tensor,
    node_mask: Tensor,
    beside_bn: Tensor,
) -> Tensor:
    """The logarithm of the sum over all lawful labellings: [B]."""
    batch, nodes = parents_bn.shape
    first = torch.arange(batch, device=parents_bn.device) * nodes
    above_m = (parents_bn + first[:, None]).flatten()
    beside_m = beside_bn.flatten().long()
    roles_mr, owners_mo = roles_bnr.flatten(0, 1), owners_bno.flatten(0, 1)
    below_lo = below_ol.T
    # of what lies below a node, by its owner, where the node is kept and where it is dropped
    kept_mo = dropped_mo = torch.zeros_like(owners_mo)
    for m in _levels(parents_bn, node_mask):
        roles, owner, beside = roles_mr[m], owners_mo[m], beside_m[m]
        start_mo = _over_starts(roles[:, :_STARTS] + owner + kept_mo[m], below_ol[:, :_STARTS])
        drop_mo = roles[:, [_DROP]] + owner + dropped_mo[m]
        merge_mo = roles[:, [_MERGE]] + owner + kept_mo[m] + below_lo[MERGES + beside]
        apart_mo = torch.logaddexp(start_mo, drop_mo + below_lo[DROPS + beside])
        kept_mo = kept_mo.index_add(0, above_m[m], torch.logaddexp(apart_mo, merge_mo))
        lost_mo = torch.logaddexp(start_mo, drop_mo + below_ol[:, LOST])
        dropped_mo = dropped_mo.index_add(0, above_m[m], lost_mo)
    return kept_mo[first, _ROOT]


def _over_starts(scores_mr: Tensor, below_or: Tensor) -> Tensor:
    """log Σ_r exp(scores_mr + below_or) over all roles but the root's: [M, owners]."""
    scores_mr = scores_mr.index_fill(1, torch.tensor([_ROOT], device=scores_mr.device), -torch.inf)
    most = scores_mr.detach().amax(1, keepdim=True)  # so that nothing overflows
    return ((scores_mr - most).exp() @ below_or.exp().T).log() + most


def _levels(parents_bn: Tensor, node_mask: Tensor) -> list[Tensor]:
    """Flat indices of the nodes of each depth but the root's, the deepest first."""
    at = torch.arange(parents_bn.shape[1], device=parents_bn.device).expand_as(parents_bn)
    depth = torch.zeros_like(at)
    while bool((at > 0).any()):
        depth = depth + (at > 0)
        at = parents_bn.gather(1, at)
    depth = depth.masked_fill(~node_mask, 0).flatten()
    return [(depth == d).nonzero()[:, 0] for d in range(int(depth.max()), 0, -1)]
