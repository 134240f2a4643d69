"""The joint forward process and its losses.

Boxes: Gaussian diffusion with the cosine schedule of Nichol & Dhariwal (2021), predicting x0.
Roles and props: masked diffusion with the absorbing state and the linear schedule of MDLM (Sahoo
et al. 2024): at time t a label is masked with probability t. Where they weigh the sum over masked
labels by 1 / t, the mean over them is taken here, which varies less. Half of all sections are drawn at t = 1, where a few-step sampler spends most of its steps.

As in DLT (Levi et al. 2023), any attribute of a node may be given: it stays clean, is marked by an
embedding and takes no part in the loss. Training draws these patterns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlt.data.batch import Inputs, TargetTensors
from dlt.model.denoiser import (
    ATTRIBUTES,
    MASK_PROP,
    MASK_ROLE,
    Estimate,
    State,
    coordinates,
    no_guess,
    relative_boxes,
    scale_boxes,
)

# what is given in training, and how often
_PATTERNS = (
    (0.70, ()),
    (0.10, ("role", "prop")),
    (0.05, ("position", "size")),
    (0.025, ("position",)),
    (0.025, ("size",)),
)
# the rest: a random share of the nodes has everything given


@dataclass(frozen=True)
class Losses:
    """Mean losses of a batch; the box loss is 0 where no section has boxes."""

    role: Tensor
    prop: Tensor
    box: Tensor


def signal(time: Tensor) -> Tensor:
    """√ᾱ(t) of the cosine schedule; 1 at t = 0, 0 at t = 1."""
    return torch.cos(time.clamp(0, 1) * torch.pi / 2)


def draw_times(count: int, generator: torch.Generator) -> Tensor:
    """Times [B] in (0, 1], stratified over the batch; every other section at 1."""
    even = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    return torch.where(torch.rand(count, generator=generator) < 0.5, 1.0, even.clamp(min=1e-3))


def draw_given(node_mask: Tensor, generator: torch.Generator) -> Tensor:
    """Which attributes are given [B, N, 4], drawn by section."""
    sections, nodes = node_mask.shape
    dice = torch.rand(sections, generator=generator)
    share = torch.rand(sections, 1, generator=generator)
    some = torch.rand(sections, nodes, generator=generator) < share
    given = some[..., None].repeat(1, 1, len(ATTRIBUTES))
    upto = 0.0
    for probability, names in _PATTERNS:
        chosen = (dice >= upto) & (dice < upto + probability)
        given[chosen] = torch.tensor([attribute in names for attribute in ATTRIBUTES])
        upto += probability
    return given & node_mask[..., None]


def add_noise(
    targets: TargetTensors, given: Tensor, time: Tensor, generator: torch.Generator
) -> State:
    """Draw the noised state at time [B]; what is given stays clean."""
    shape = targets.roles.shape
    hidden_role = (torch.rand(shape, generator=generator) < time[:, None]) & ~given[..., 0]
    hidden_prop = (torch.rand(shape, generator=generator) < time[:, None]) & ~given[..., 1]
    alpha = signal(time)[:, None, None]
    noise = torch.randn(*shape, 4, generator=generator)
    clean = scale_boxes(targets.boxes)
    noised = torch.where(
        targets.box_weights[..., None] > 0, alpha * clean + (1 - alpha**2).sqrt() * noise, noise
    )
    return State(
        roles=targets.roles.masked_fill(hidden_role, MASK_ROLE),
        props=targets.props.masked_fill(hidden_prop, MASK_PROP),
        boxes=torch.where(coordinates(given), clean, noised),
        given=given,
        guess=no_guess(clean),
    )


def losses(
    estimate: Estimate,
    state: State,
    targets: TargetTensors,
    inputs: Inputs,
    role_weights: Tensor,
) -> Losses:
    """Cross-entropy of masked labels; L1 (in the parent's frame and in the screenshot's) and
    generalised IoU of boxes that are not given."""
    node_mask = inputs.node_mask
    role = _cross_entropy(
        estimate.role_logits, targets.roles, (state.roles == MASK_ROLE) & node_mask, role_weights
    )
    prop = _cross_entropy(
        estimate.prop_logits, targets.props, (state.props == MASK_PROP) & node_mask, None
    )
    return Losses(role, prop, _box_loss(estimate, state, targets, inputs))


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
    nearby = ((estimate.relative - relative).abs() * free).mean(-1)
    overall = ((estimate.boxes - targets.boxes).abs() * free).mean(-1)
    overlap = generalised_iou(estimate.boxes, targets.boxes)
    each = 2 * nearby + 4 * overall + (1 - overlap) / 2
    return (each * weight).sum() / weight.sum().clamp(min=1e-6)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al. 2019) of boxes [..., 4] given as centre and size."""
    a, b = (torch.cat([x[..., :2], x[..., 2:].clamp(min=1e-4)], dim=-1) for x in (a, b))
    a_low, a_high = a[..., :2] - a[..., 2:] / 2, a[..., :2] + a[..., 2:] / 2
    b_low, b_high = b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2
    both = (torch.min(a_high, b_high) - torch.max(a_low, b_low)).clamp(min=0).prod(-1)
    union = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both
    hull = (torch.max(a_high, b_high) - torch.min(a_low, b_low)).prod(-1)
    return both / union.clamp(min=1e-8) - (hull - union) / hull.clamp(min=1e-8)
