"""The layout model: a condition encoder and a denoiser, and how both begin."""

import torch
from torch import Tensor, nn

from dlt.data.batch import Inputs
from dlt.model.condition import ConditionEncoder, Proposal
from dlt.model.denoiser import MASK_PROP, MASK_ROLE, Denoiser, Estimate, State
from dlt.model.diffusion import reverse_step
from dlt.model.layers import initialise
from dlt.params import ModelParams


class LayoutModel(nn.Module):
    """The joint discrete-continuous diffusion layout transformer."""

    def __init__(self, params: ModelParams):
        super().__init__()
        width, dropout = params.d_model, params.dropout
        self.encoder = ConditionEncoder(width, params.num_layers, dropout, params.patch_size)
        used = {"image": params.use_image, "text": params.use_text, "classes": params.use_classes}
        self.encoder.hidden = frozenset(part for part, use in used.items() if not use)
        self.denoiser = Denoiser(width, params.num_denoiser_layers, dropout)
        self.apply(initialise)
        # At first boxes fill their parents or share them: errors would multiply down the tree.
        # Nothing is made of the noised boxes and the guess, which know nothing yet. And what is
        # proposed stays as it is.
        first = self.denoiser
        for layer in (first.box, first.guess, first.region.project, first.labels, first.boxes):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.encoder.geometry.boxes.weight)

    def forward(
        self, inputs: Inputs, state: State | None, time_b: Tensor, unroll_b: Tensor | None = None
    ) -> tuple[Proposal, Estimate | None]:
        """The proposal and one denoising step, with the condition encoded anew, as in training.

        Without a `state` there is no more than the proposal.

        With `unroll_b` in 0 .. 1, a step back to that share of the time comes first, without
        gradients: what the model learns to improve on are its own estimates, as in sampling
        (unrolled denoising, Savinov et al. 2022).
        """
        if state is None:
            return self.encoder.propose(inputs), None
        condition = self.encoder(inputs)
        memory = self.denoiser.remember(condition)
        if unroll_b is not None:
            free = (
                (state.roles == MASK_ROLE) & inputs.node_mask,
                (state.props == MASK_PROP) & inputs.node_mask,
            )
            with torch.no_grad():
                first = self.denoiser(state, time_b, memory)
                then_b = time_b * unroll_b
                state = reverse_step(state, first, free, time_b, then_b, unroll_b)
            time_b = then_b
        return condition.proposal, self.denoiser(state, time_b, memory)


def count_parameters(model: nn.Module) -> int:
    """The number of trained weights."""
    return sum(weight.numel() for weight in model.parameters())
