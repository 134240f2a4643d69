"""The losses of the joint diffusion process."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.boxes import Edges, edges, relative_boxes
from dlt.model.condition import Proposal
from dlt.model.denoiser import MASK_PROP, MASK_ROLE, Estimate, State, coordinates

_EDGE_WEIGHT = 0.25  # nats against lengths as fractions of the screenshot


@dataclass(frozen=True)
class Losses:
    """Mean losses of a batch; 0 where there is nothing to take the mean over."""

    proposal: Tensor
    role: Tensor
    prop: Tensor
    box: Tensor


def losses(
    proposal: Proposal,
    estimate: Estimate | None,
    state: State,
    targets: TargetTensors,
    inputs: Inputs,
    role_weights: Tensor,
) -> Losses:
    """Cross-entropy of all proposed and of masked labels; L1 (in the parent's frame and in the
    screenshot's) and generalised IoU of boxes that are not given."""
    node_mask = inputs.node_mask
    proposed = _cross_entropy(proposal.role_logits, targets.roles, node_mask, role_weights)
    proposed = proposed + _cross_entropy(proposal.prop_logits, targets.props, node_mask, None)
    if estimate is None:
        return Losses(proposed, *proposed.new_zeros(3))
    role = _cross_entropy(
        estimate.role_logits, targets.roles, (state.roles == MASK_ROLE) & node_mask, role_weights
    )
    prop = _cross_entropy(
        estimate.prop_logits, targets.props, (state.props == MASK_PROP) & node_mask, None
    )
    return Losses(proposed, role, prop, _box_loss(estimate, state, targets, inputs))


def _cross_entropy(
    logits: Tensor, target: Tensor, masked: Tensor, weights: Tensor | None
) -> Tensor:
    each = F.cross_entropy(
        logits.flatten(0, 1), target.flatten(), reduction="none", weight=weights
    ).view(target.shape)
    # mean by section first: a long section must not drown the short ones
    by_section = (each * masked).sum(1) / masked.sum(1).clamp(min=1)
    return by_section.sum() / masked.any(1).sum().clamp(min=1)


def _box_loss(estimate: Estimate, state: State, targets: TargetTensors, inputs: Inputs) -> Tensor:
    free = ~coordinates(state.given)
    weight = targets.box_weights * inputs.node_mask * free.any(-1)
    relative = relative_boxes(targets.boxes, inputs.parents).clamp(-1, 2)
    each = 2 * ((estimate.relative - relative).abs() * free).mean(-1)
    for boxes in (estimate.coarse, estimate.boxes):
        each = each + 4 * ((boxes - targets.boxes).abs() * free).mean(-1)
        each = each + (1 - generalised_iou(boxes, targets.boxes)) / 2
    truth = edges(targets.boxes).unflatten(-1, (2, 2))  # edge, axis
    for axis, found in enumerate(estimate.edges):
        unknown = free[..., axis] & free[..., 2 + axis]
        each = each + _EDGE_WEIGHT * _edge_loss(found, truth[..., axis]) * unknown
    return (each * weight).sum() / weight.sum().clamp(min=1e-6)


def _edge_loss(found: Edges, truth_bne: Tensor) -> Tensor:
    """Cross-entropy [B, N] of where edges are, shared by the borders before and after the truth."""
    log_probs = found.log_probs_bnel
    cells_bne = (truth_bne * found.length_b[:, None, None]).clamp(min=0)
    before = cells_bne.long().clamp(max=log_probs.shape[-1] - 2)[..., None]
    share = (cells_bne[..., None] - before).clamp(0, 1)
    loss = -(1 - share) * log_probs.gather(-1, before) - share * log_probs.gather(-1, before + 1)
    return loss[..., 0].mean(-1)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al. 2019) of boxes [..., 4] given as centre and size."""
    a, b = (torch.cat([x[..., :2], x[..., 2:].clamp(min=1e-4)], dim=-1) for x in (a, b))
    a_low, a_high = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    b_low, b_high = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    both = (torch.min(a_high, b_high) - torch.max(a_low, b_low)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both
    hull = (torch.max(a_high, b_high) - torch.min(a_low, b_low)).prod(-1)
    return both / union.clamp(min=1e-8) - (hull - union) / hull.clamp(min=1e-8)
