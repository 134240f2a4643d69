"""The joint diffusion process: forward from clean to noise, and one step back.

Boxes: Gaussian diffusion with the cosine schedule of Nichol & Dhariwal (2021), predicting x0.
Roles and props: masked diffusion with the absorbing state and the linear schedule of MDLM (Sahoo
et al. 2024): at time t a label is masked with probability t. Where they weigh the sum over masked
labels by 1 / t, the mean over them is taken here, which varies less. Half of all sections are drawn at
t = 1, where a few-step sampler spends most of its steps.

As in DLT (Levi et al. 2023), any attribute of a node may be given: it stays clean, is marked by an
embedding and takes no part in the loss. Training draws these patterns.

A step back is DDIM (Song et al. 2021, η = 0) for boxes. Labels are unmasked by confidence as in MaskGIT
(Chang et al. 2022), and every step decides anew about all that is not given.
"""

import torch
from torch import Tensor

from dlt.data.batch import TargetTensors
from dlt.data.dice import Dice
from dlt.model.boxes import scale_boxes, signal
from dlt.model.denoiser import (
    ATTRIBUTES,
    MASK_PROP,
    MASK_ROLE,
    Estimate,
    State,
    coordinates,
)
from dlt.section.roles import NODE_ROLES, ROOT_ROLE

_SECTION = NODE_ROLES.index(ROOT_ROLE)

# what is given in training, and how often
_PATTERNS = (
    (0.70, ()),
    (0.10, ("role", "prop")),
    (0.05, ("position", "size")),
    (0.025, ("position",)),
    (0.025, ("size",)),
)
# the rest: a random share of the nodes has everything given


def draw_times(dice: Dice) -> Tensor:
    """Times [B] in (0, 1], spread evenly over the epochs of a section; half of them at 1."""
    return torch.where(dice.uniform() < 0.5, 1.0, dice.spread().clamp(min=1e-3))


def draw_given(node_mask: Tensor, dice: Dice) -> Tensor:
    """Which attributes are given [B, N, 4], drawn by section."""
    pattern = dice.uniform()
    share = dice.uniform(1)
    some = dice.uniform(node_mask.shape[1]) < share
    given = some[..., None].repeat(1, 1, len(ATTRIBUTES))
    upto = 0.0
    for probability, names in _PATTERNS:
        chosen = (pattern >= upto) & (pattern < upto + probability)
        given[chosen] = torch.tensor([attribute in names for attribute in ATTRIBUTES])
        upto += probability
    return given & node_mask[..., None]


def add_noise(targets: TargetTensors, given: Tensor, time: Tensor, dice: Dice) -> State:
    """Draw the noised state at time [B]; what is given stays clean."""
    nodes = targets.roles.shape[1]
    hidden_role = (dice.uniform(nodes) < time[:, None]) & ~given[..., 0]
    hidden_prop = (dice.uniform(nodes) < time[:, None]) & ~given[..., 1]
    alpha = signal(time)[:, None, None]
    noise = dice.normal(nodes, 4)
    clean = scale_boxes(targets.boxes)
    noised = torch.where(
        targets.box_weights[..., None] > 0, alpha * clean + (1 - alpha**2).sqrt() * noise, noise
    )
    return State(
        roles=targets.roles.masked_fill(hidden_role, MASK_ROLE),
        props=targets.props.masked_fill(hidden_prop, MASK_PROP),
        boxes=torch.where(coordinates(given), clean, noised),
        given=given,
    )


def reverse_step(
    state: State,
    estimate: Estimate,
    free: tuple[Tensor, Tensor],
    time_b: Tensor,
    then_b: Tensor,
    share_b: Tensor,
) -> State:
    """From the state at `time_b` to that at `then_b`, going by an estimate of the clean one.

    Args:
        free: bool [B, N] for roles and for props: the labels that are up for decision.
        share_b: the share of them that stays masked, the least confident ones.
    """
    role_probs = root_only(estimate.role_logits).softmax(-1)
    prop_probs = estimate.prop_logits.softmax(-1)
    return State(
        roles=_unmask(state.roles, role_probs, free[0], share_b, MASK_ROLE),
        props=_unmask(state.props, prop_probs, free[1], share_b, MASK_PROP),
        boxes=_ddim(state, estimate, time_b, then_b),
        given=state.given,
        guess=estimate.boxes.clamp(0, 1),
    )


def root_only(logits: Tensor) -> Tensor:
    """Role logits of which the root, and no other node, can be the section."""
    allowed = torch.zeros_like(logits, dtype=torch.bool)
    allowed[:, 0, _SECTION] = True
    allowed[:, 1:] = torch.arange(logits.shape[-1], device=logits.device) != _SECTION
    return logits.masked_fill(~allowed, float("-inf"))


def _unmask(labels: Tensor, probs: Tensor, free: Tensor, share_b: Tensor, mask: int) -> Tensor:
    confidence, best = probs.max(-1)
    hidden = (share_b * free.sum(1)).floor()
    rank = confidence.masked_fill(~free, float("inf")).argsort(dim=1).argsort(dim=1)
    decided = best.masked_fill(rank < hidden[:, None], mask)
    return torch.where(free, decided, labels)


def _ddim(state: State, estimate: Estimate, time_b: Tensor, then_b: Tensor) -> Tensor:
    clean = scale_boxes(estimate.boxes.clamp(0, 1))
    alpha, alpha_then = signal(time_b)[:, None, None], signal(then_b)[:, None, None]
    noise = (state.boxes - alpha * clean) / (1 - alpha**2).sqrt()
    moved = alpha_then * clean + (1 - alpha_then**2).clamp(min=0).sqrt() * noise
    return torch.where(coordinates(state.given), state.boxes, moved)
