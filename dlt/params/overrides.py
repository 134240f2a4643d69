"""`model:` and `train:`, whose values override the phase's."""

from typing import Literal

from pydantic import model_validator

from dlt.blocks import inheriting
from dlt.params.training import ModelParams, TrainParams
from dlt.params.types import Auto, Count, Fraction

PhaseName = Literal["auto", "phase1", "phase2", "phase3", "phase4"]


SomeModel = inheriting(ModelParams)


class SomeTrain(inheriting(TrainParams)):  # type: ignore[misc]
    """Values of `train:`; a batch size of auto is the phase's, in as few parts as memory allows."""

    batch_size: Count | Auto | None = None

    @model_validator(mode="after")
    def _one_auto(self) -> "SomeTrain":
        if self.batch_size == "auto" and self.gradient_accumulation not in (None, "auto"):
            raise ValueError("gradient_accumulation must be null or auto where batch_size is auto")
        return self


class ModelOverrides(SomeModel):  # type: ignore[valid-type, misc]
    """Values of `model:` that override the phase's."""


class TrainOverrides(SomeTrain):
    """The phase, what to start from, what is shown, and values that override the phase's."""

    phase: PhaseName = "auto"
    init_from: str | None = None
    init_share: Fraction = 0.0
    resume_from: str | None = None
    config_file: str | None = None
    tensorboard: bool = False
    monitor_system: bool = False

    @model_validator(mode="after")
    def _has_start(self) -> "TrainOverrides":
        if self.init_share and self.init_from is None:
            raise ValueError("init_share is above 0, but init_from names no model")
        return self
