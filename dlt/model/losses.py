"""The losses of the joint diffusion process."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.boxes import edges, of_parents, relative_boxes, same_edge, touching
from dlt.model.condition import Proposal
from dlt.model.crf import surprise
from dlt.model.denoiser import MASK_PROP, MASK_ROLE, Estimate, State, coordinates
from dlt.model.placement import Placement, Siblings

_FITS = 0.0024  # widths, a pixel and a half of 640: an edge so near is the one that is seen


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
    """Cross-entropy of all proposed and of masked labels, and of all roles at once, see `crf`; L1 (in
    the parent's frame and in the screenshot's), generalised IoU, touching, fitting and meeting edges of
    all proposed boxes and of those that are not given."""
    node_mask = inputs.node_mask
    siblings = Siblings.of(inputs.parents, node_mask)
    proposed = _cross_entropy(proposal.role_logits, targets.roles, node_mask, role_weights)
    proposed = proposed + of_props(proposal.prop_logits, targets.props, node_mask)
    proposed = proposed + _surprise(proposal, targets, node_mask, inputs)
    weight = targets.box_weights * node_mask
    each_bn = _box_loss(proposal.placed, targets, inputs, siblings)
    # mean by section, as of the proposed labels
    proposed_box = ((each_bn * node_mask).sum(1) / weight.sum(1).clamp(min=1e-6)).mean()
    if estimate is None:
        zero = proposed.new_zeros(())
        return Losses(proposed, zero, zero, zero, proposed_box)
    masked = (state.roles == MASK_ROLE) & node_mask
    role = _cross_entropy(estimate.role_logits, targets.roles, masked, role_weights)
    role = role + _surprise(estimate, targets, masked, inputs)
    hidden = (state.props == MASK_PROP) & node_mask
    prop = of_props(estimate.prop_logits, targets.props, hidden)
    free = ~coordinates(state.given)
    open_bn = free.any(-1) & node_mask
    each_bn = _box_loss(estimate.placed, targets, inputs, siblings, free)
    box = (each_bn * open_bn).sum() / (targets.box_weights * open_bn).sum().clamp(min=1e-6)
    return Losses(proposed, role, prop, box, proposed_box)


def _surprise(
    answer: Proposal | Estimate, targets: TargetTensors, masked: Tensor, inputs: Inputs
) -> Tensor:
    """-log p of all masked roles at once, averaged as cross-entropies are."""
    scores = answer.role_logits.log_softmax(-1), answer.owner_scores, answer.below_scores
    labels = targets.roles, targets.owners
    each = surprise(scores, labels, masked, inputs.parents, inputs.node_mask)
    return _mean_by_section(each / masked.sum(1).clamp(min=1), masked)  # else it is rounding


def _cross_entropy(logits: Tensor, target: Tensor, masked: Tensor, weights: Tensor) -> Tensor:
    each = F.cross_entropy(
        logits.flatten(0, 1), target.flatten(), reduction="none", weight=weights
    ).view(target.shape)
    return _mean_by_section((each * masked).sum(1) / masked.sum(1).clamp(min=1), masked)


def of_props(logits: Tensor, target: Tensor, masked: Tensor) -> Tensor:
    """The cross-entropy of where each prop is: at one of the masked nodes, or at none.

    A prop is in a section once at most. By node, the one that has it would hardly count.
    """
    odds_bnq = (logits[..., 1:] - logits[..., :1]).masked_fill(~masked[..., None], -torch.inf)
    options = F.pad(odds_bnq, (0, 0, 1, 0))  # the first: at none
    found_bnq = F.one_hot(target * masked, logits.shape[-1])[..., 1:]
    at_bq = torch.where(found_bnq.any(1), found_bnq.argmax(1) + 1, 0)
    each = F.cross_entropy(options, at_bq, reduction="none").mean(1)
    return _mean_by_section(each, masked)


def _mean_by_section(each_b: Tensor, masked: Tensor) -> Tensor:
    """By section first: a long one must not drown the short ones. Where nothing is masked is left out."""
    own_b = masked.any(1)
    return (each_b * own_b).sum() / own_b.sum().clamp(min=1)


def _box_loss(
    placed: Placement,
    targets: TargetTensors,
    inputs: Inputs,
    siblings: Siblings,
    free: Tensor | None = None,
) -> Tensor:
    """The loss of each box [B, N], weighted; of coordinates, where they are `free` [B, N, 4]."""
    frames = of_parents(targets.contents, inputs.parents)
    relative = relative_boxes(targets.boxes, frames).clamp(-1, 2)
    off = 2 * (placed.relative - relative).abs() + 8 * (placed.boxes - targets.boxes).abs()
    off = off if free is None else off * free
    own = (off + _unsure(placed.touch_logits, targets.boxes, frames)).mean(-1)
    own = own + 1 - generalised_iou(placed.boxes, targets.boxes)
    own_fit, content_fit = placed.fit_logits.split(2, dim=-1)
    own = own + _gap_loss(placed.meet_logits, targets.boxes, siblings)
    own = own + _fit_loss(own_fit, targets.boxes, inputs)
    off = 8 * (placed.contents - targets.contents).abs()
    content = (off + _unsure(placed.content_touch_logits, targets.contents, targets.boxes)).mean(-1)
    content = content + _fit_loss(content_fit, targets.contents, inputs)
    content = content + 1 - generalised_iou(placed.contents, targets.contents)
    return own * targets.box_weights + content * targets.content_weights


def _unsure(logits: Tensor, boxes: Tensor, frames: Tensor) -> Tensor:
    """The cross-entropy of whether edges of true boxes touch those of their frames [B, N, 4]."""
    touch = touching(boxes, frames).float()
    return F.binary_cross_entropy_with_logits(logits, touch, reduction="none")


def _gap_loss(logits: Tensor, boxes: Tensor, siblings: Siblings) -> Tensor:
    """The cross-entropy of which true boxes begin where the sibling before them ends [B, N]."""
    low, high = edges(boxes).split(2, dim=-1)
    meets = same_edge(low, siblings.previous.to(high) @ high).to(logits)
    each = F.binary_cross_entropy_with_logits(logits, meets, reduction="none").mean(-1)
    return each * siblings.previous.any(-1)


def _fit_loss(logits: Tensor, boxes: Tensor, inputs: Inputs) -> Tensor:
    """The cross-entropy of which left and right edges of true boxes are those seen [B, N]."""
    there_bn1, seen_bn4 = inputs.places[:, :, 0].split([1, 4], dim=-1)
    fits = (edges(boxes) - seen_bn4).abs()[..., ::2] < _FITS
    each = F.binary_cross_entropy_with_logits(logits, fits.to(logits), reduction="none").mean(-1)
    return each * there_bn1[..., 0]


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al. 2019) of boxes [..., 4] given as centre and size."""
    a, b = (torch.cat([x[..., :2], x[..., 2:].clamp(min=1e-4)], dim=-1) for x in (a, b))
    a_low, a_high = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    b_low, b_high = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    both = (torch.min(a_high, b_high) - torch.max(a_low, b_low)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both
    hull = (torch.max(a_high, b_high) - torch.min(a_low, b_low)).prod(-1)
    return both / union.clamp(min=1e-8) - (hull - union) / hull.clamp(min=1e-8)
