"""The losses of the joint diffusion process."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.boxes import relative_boxes
from dlt.model.condition import Proposal
from dlt.model.denoiser import MASK_PROP, MASK_ROLE, Estimate, State, coordinates


@dataclass(frozen=True)
class Losses:
    """Mean losses of a batch; 0 where there is nothing to take the mean over."""

    proposal: Tensor
    role: Tensor
    prop: Tensor
    box: Tensor
    proposed_box: Tensor


def losses(
    proposal: Proposal,
    estimate: Estimate | None,
    state: State,
    targets: TargetTensors,
    inputs: Inputs,
    role_weights: Tensor,
) -> Losses:
    """Cross-entropy of all proposed and of masked labels; L1 (in the parent's frame and in the
    screenshot's) and generalised IoU of all proposed boxes and of those that are not given."""
    node_mask = inputs.node_mask
    proposed = _cross_entropy(proposal.role_logits, targets.roles, node_mask, role_weights)
    proposed = proposed + _cross_entropy(proposal.prop_logits, targets.props, node_mask, None)
    weight = targets.box_weights * node_mask
    off = _box_loss(proposal.relative, proposal.boxes, targets, inputs)
    # mean by section, as of the proposed labels
    off = ((off * weight).sum(1) / weight.sum(1).clamp(min=1e-6)).mean()
    if estimate is None:
        zero = proposed.new_zeros(())
        return Losses(proposed, zero, zero, zero, off)
    role = _cross_entropy(
        estimate.role_logits, targets.roles, (state.roles == MASK_ROLE) & node_mask, role_weights
    )
    prop = _cross_entropy(
        estimate.prop_logits, targets.props, (state.props == MASK_PROP) & node_mask, None
    )
    free = ~coordinates(state.given)
    weight = weight * free.any(-1)
    box = _box_loss(estimate.relative, estimate.boxes, targets, inputs, free)
    box = (box * weight).sum() / weight.sum().clamp(min=1e-6)
    return Losses(proposed, role, prop, box, off)


def _cross_entropy(
    logits: Tensor, target: Tensor, masked: Tensor, weights: Tensor | None
) -> Tensor:
    each = F.cross_entropy(
        logits.flatten(0, 1), target.flatten(), reduction="none", weight=weights
    ).view(target.shape)
    # mean by section first: a long section must not drown the short ones
    by_section = (each * masked).sum(1) / masked.sum(1).clamp(min=1)
    return by_section.sum() / masked.any(1).sum().clamp(min=1)


def _box_loss(
    relative: Tensor,
    boxes: Tensor,
    targets: TargetTensors,
    inputs: Inputs,
    free: Tensor | None = None,
) -> Tensor:
    """The loss of each box [B, N]; of coordinates, where they are `free` [B, N, 4]."""
    truth = relative_boxes(targets.boxes, inputs.parents).clamp(-1, 2)
    off = 2 * (relative - truth).abs() + 8 * (boxes - targets.boxes).abs()
    return (
        (off if free is None else off * free).mean(-1) + 1 - generalised_iou(boxes, targets.boxes)
    )


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al. 2019) of boxes [..., 4] given as centre and size."""
    a, b = (torch.cat([x[..., :2], x[..., 2:].clamp(min=1e-4)], dim=-1) for x in (a, b))
    a_low, a_high = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    b_low, b_high = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    both = (torch.min(a_high, b_high) - torch.max(a_low, b_low)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both
    hull = (torch.max(a_high, b_high) - torch.min(a_low, b_low)).prod(-1)
    return both / union.clamp(min=1e-8) - (hull - union) / hull.clamp(min=1e-8)
