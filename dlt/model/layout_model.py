"""The layout model: a condition encoder and a denoiser, and how both begin."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from dlt.data.batch import Inputs
from dlt.model.condition import ConditionEncoder
from dlt.model.denoiser import Denoiser, Estimate, State
from dlt.model.layers import initialise
from dlt.params import ModelParams


class LayoutModel(nn.Module):
    """The joint discrete-continuous diffusion layout transformer."""

    def __init__(self, params: ModelParams):
        super().__init__()
        width, dropout = params.d_model, params.dropout
        self.encoder = ConditionEncoder(width, params.num_layers, dropout, params.patch_size)
        self.denoiser = Denoiser(width, params.num_denoiser_layers, dropout)
        self.apply(initialise)
        # at first every box fills its parent's: errors would multiply down the tree
        nn.init.zeros_(self.denoiser.head.weight[-4:])

    def forward(
        self, inputs: Inputs, state: State, time: Tensor, self_condition: bool = False
    ) -> Estimate:
        """One denoising step with the condition encoded anew, as in training.

        With `self_condition` (Chen et al. 2023, Analog Bits) a first estimate, made without
        gradients, is the guess of the second, as it is from one sampling step to the next.
        """
        memory = self.denoiser.remember(self.encoder(inputs))
        if self_condition:
            with torch.no_grad():
                first = self.denoiser(state, time, memory)
            state = replace(state, guess=first.boxes.clamp(0, 1))
        return self.denoiser(state, time, memory)


def count_parameters(model: nn.Module) -> int:
    """The number of trained weights."""
    return sum(weight.numel() for weight in model.parameters())
