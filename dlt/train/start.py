"""What a training starts from: random weights, or those of a trained model."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dlt.errors import DltError
from dlt.model.layout_model import LayoutModel
from dlt.params import ModelParams
from dlt.paths import outside
from dlt.train.model_file import load_model


def initial_model(params: ModelParams, start: str | None) -> LayoutModel:
    """Random weights, or those of the model in folder `start`.

    Raises:
        DltError: there is none, or it is of another size.
    """
    model = LayoutModel(params)
    if start is not None:
        trained, config = load_model(Path(outside(start)))
        size = ModelParams(**config["model"]).model_copy(update={"dropout": params.dropout})
        if size != params:
            raise DltError(f"train.init_from: {start} has another model: {config['model']}")
        model.load_state_dict(trained.state_dict())
    return model


def drawn_back(
    weights: Mapping[str, Tensor], start: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights on the way from the trained ones to those that training started from.

    A model that goes on with few sections forgets what holds for others. In between both, along a
    straight line, it knows what either knows (WiSE-FT, Wortsman et al. 2022). Bearings are drawn back,
    too, since both have learnt with their own; which words are known stays.

    Args:
        share: 0: as trained; 1: as at the start.
    """
    return {
        name: torch.lerp(own, start[name].to(own), share) if own.is_floating_point() else own
        for name, own in weights.items()
    }
