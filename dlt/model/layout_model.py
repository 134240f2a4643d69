"""The layout model: a condition encoder and a denoiser, and how both begin."""

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

    def forward(self, inputs: Inputs, state: State, time: Tensor) -> Estimate:
        """One denoising step with the condition encoded anew, as in training."""
        return self.denoiser(state, time, self.denoiser.remember(self.encoder(inputs)))


def count_parameters(model: nn.Module) -> int:
    """The number of trained weights."""
    return sum(weight.numel() for weight in model.parameters())
