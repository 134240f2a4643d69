"""The hyperparameters of a phase: the size of the model, and how it is trained."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dlt.blocks import Block
from dlt.params.types import Auto, Count, Fraction, NonNegative, Pixels, Positive, Precision


class ModelParams(Block):
    """The size of the model, with no value left open."""

    d_model: Annotated[int, Field(ge=32, multiple_of=32)]
    num_layers: Count
    num_denoiser_layers: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    image_width: Annotated[int, Field(ge=64, le=2048, multiple_of=32)]
    patch_size: tuple[Pixels, Pixels]  # height, width
    use_image: bool = True
    use_text: bool = True
    use_classes: bool = True

    @model_validator(mode="after")
    def _divisible(self) -> "ModelParams":
        if self.image_width % self.patch_size[1]:
            raise ValueError(
                f"image_width is not a multiple of patch_size's width {self.patch_size[1]}"
            )
        return self


Logged = Literal[
    "train/loss",
    "train/proposal_loss",
    "train/role_loss",
    "train/prop_loss",
    "train/box_loss",
    "train/proposed_box_loss",
    "val/loss",
    "val/proposal_loss",
    "val/role_loss",
    "val/prop_loss",
    "val/box_loss",
    "val/proposed_box_loss",
    "val/layout_accuracy",
    "val/visual_similarity",
    "val/score",
    "train/node_padding",
    "train/patch_padding",
    "lr",
    "samples_per_second",
]
"""What training logs at each evaluation, and so may be chosen by."""


class EarlyStopping(Block):
    """Which evaluation is the best, and how many without a better one end a training."""

    metric: Logged
    mode: Literal["auto", "min", "max"]
    patience: Count
    min_delta: NonNegative

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is; auto takes that from the metric."""
        less = (
            self.metric.endswith(("loss", "padding")) if self.mode == "auto" else self.mode == "min"
        )
        return -1 if less else 1


class CurriculumStage(Block):
    """A part of the epochs, and the most that an example's difficulty may be in it."""

    share: Annotated[float, Field(gt=0, le=1)]
    at_most: Count | None = None
    lr_factor: Positive = 1.0


class Curriculum(Block):
    """Simple sections first."""

    enabled: bool
    metric: Literal["element_count", "node_count", "depth"]
    stages: Annotated[tuple[CurriculumStage, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _goes_up(self) -> "Curriculum":
        if abs(sum(stage.share for stage in self.stages) - 1) > 1e-6:
            raise ValueError("the stages' shares must add up to 1")
        bounds = [math.inf if s.at_most is None else s.at_most for s in self.stages]
        if bounds != sorted(bounds):
            raise ValueError("at_most must not fall from one stage to the next")
        return self


class TrainParams(Block):
    """How the model is trained, with no value left open."""

    lr: Positive
    schedule: Literal["cosine", "linear", "constant", "one_cycle"]
    scale_lr: bool
    proposal_epochs: Annotated[int, Field(ge=0)]
    epochs: Count
    min_steps: Annotated[int, Field(ge=0)]
    batch_size: Count
    weight_decay: NonNegative
    warmup_steps: Annotated[int, Field(ge=0)]
    grad_clip: Positive
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    augmentation_factor: Annotated[int, Field(ge=0)]
    class_dropout: Fraction
    text_dropout: Fraction
    image_dropout: Fraction
    role_balance: Fraction
    box_weight: NonNegative
    eval_every: Count
    early_stopping: EarlyStopping
    curriculum: Curriculum
    gradient_accumulation: Count | Auto
    max_tokens_per_batch: Annotated[int, Field(ge=0)]
    mixed_precision: Precision
    gradient_checkpointing: bool
    compile_model: bool
    dataloader_num_workers: Annotated[int, Field(ge=0, le=64)] | Auto
    num_gpus: Annotated[int, Field(ge=1, le=1024)] | Auto
    launcher: Literal["auto", "none", "torchrun"]
    shard_model: bool
    checkpoint_minutes: Positive
    keep_checkpoints: Count

    @property
    def examples_a_step(self) -> int:
        """What one GPU sees of a step: auto divides a batch in parts, so it counts as 1."""
        auto = self.gradient_accumulation == "auto"
        return self.batch_size * (1 if auto else int(self.gradient_accumulation))


class Phase(Block):
    """The hyperparameters of one phase."""

    model: ModelParams
    train: TrainParams


class Phases(Block):
    """The hyperparameters of all phases."""

    phase1: Phase
    phase2: Phase
    phase3: Phase
    phase4: Phase
