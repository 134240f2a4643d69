"""params.yaml as frozen, validated models; wrong values are named all at once."""

import math
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from dlt.blocks import Block as _Block
from dlt.blocks import inheriting, merged, read_yaml, told_in_one_line
from dlt.paths import outside

PARAMS = Path("params.yaml")

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=8, le=256, multiple_of=8)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Auto = Literal["auto"]
# YAML 1.1 reads a bare no as false
Precision = Annotated[
    Literal["no", "bf16", "fp16", "auto"], BeforeValidator(lambda x: "no" if x is False else x)
]


class Archive(_Block):
    """Where a prepared dataset comes from."""

    path: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None


class Webpages(_Block):
    """Where saved pages come from, and how they are rendered."""

    path: str | None = None
    annotator: str = "elementor"
    viewport: Annotated[int, Field(ge=320, le=3840)] = 1280
    hide_builder_classes: bool = True
    browser: str | None = None


class Ingest(_Block):
    """Parameters of the ingest stage."""

    source: Literal["synthetic", "archive", "webpages"]
    num_samples: Count | None = None
    shard_above: Annotated[int, Field(ge=0)]
    archive: Archive = Archive()
    webpages: Webpages = Webpages()

    @model_validator(mode="after")
    def _has_path(self) -> "Ingest":
        if self.source != "synthetic" and not getattr(self, self.source).path:
            raise ValueError(f"{self.source}.path must be set when source is {self.source}")
        return self


class Validate(_Block):
    """Parameters of the validate stage."""

    fix_errors: bool = False
    verbose: bool = False


class Split(_Block):
    """Parameters of the split stage."""

    ratios: tuple[Fraction, Fraction, Fraction]
    folds: Annotated[int, Field(ge=2)] | Literal["sites"] | None = None
    fold: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _sums_to_one(self) -> "Split":
        if abs(sum(self.ratios) - 1) > 1e-6:
            raise ValueError(f"ratios must add up to 1, not {sum(self.ratios):g}")
        if isinstance(self.folds, int) and self.fold >= self.folds:
            raise ValueError(f"fold must be below folds, which is {self.folds}")
        return self


class Data(_Block):
    """What training takes of the train split."""

    max_examples: Count | None = None


class ModelParams(_Block):
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
    "val/score",
]
"""What training logs at each evaluation, and so may be chosen by."""


class EarlyStopping(_Block):
    """Which evaluation is the best, and how many without a better one end a training."""

    metric: Logged
    mode: Literal["auto", "min", "max"]
    patience: Count
    min_delta: NonNegative

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is; auto takes that from the metric."""
        less = self.metric.endswith("loss") if self.mode == "auto" else self.mode == "min"
        return -1 if less else 1


class CurriculumStage(_Block):
    """A part of the epochs, and the most that an example's difficulty may be in it."""

    share: Annotated[float, Field(gt=0, le=1)]
    at_most: Count | None = None
    lr_factor: Positive = 1.0


class Curriculum(_Block):
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


class TrainParams(_Block):
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


class Sample(_Block):
    """Parameters of the sampler, which are no part of the model."""

    steps: Annotated[int, Field(ge=1, le=1000)] = 2
    temperature: NonNegative = 0.0
    guidance: NonNegative = 1.0
    seed: Seed = 0


class Evaluate(_Block):
    """Parameters of the evaluate stage."""

    gallery: Annotated[int, Field(ge=0, le=100)]
    batch_size: Count
    trained_baselines: bool
    against: str | None
    conditioning: bool
    robustness: bool
    ablations: bool
    old_test: str | None = None


class Phase(_Block):
    """The hyperparameters of one phase."""

    model: ModelParams
    train: TrainParams


class Phases(_Block):
    """The hyperparameters of all phases."""

    phase1: Phase
    phase2: Phase
    phase3: Phase
    phase4: Phase


class Span(_Block):
    """Numbers to search; both ends belong to it. Whole ends mean whole numbers."""

    low: int | float
    high: int | float
    log: bool = False
    step: Positive | None = None

    @property
    def ends(self) -> tuple[int | float, ...]:
        """The values that must be right for all between them to be."""
        return (self.low, self.high)

    @model_validator(mode="after")
    def _ascends(self) -> "Span":
        if not self.low < self.high < math.inf:
            raise ValueError("low must be below high")
        if self.log and (self.low <= 0 or self.step):
            raise ValueError("log wants low above 0 and no step")
        return self


class Choices(_Block):
    """Values to choose from."""

    choices: Annotated[tuple[int | float, ...], Field(min_length=2)]

    @property
    def ends(self) -> tuple[int | float, ...]:
        """The values that must be right."""
        return self.choices


class Pruning(_Block):
    """When a trial may be stopped early."""

    startup_trials: Annotated[int, Field(ge=0)]
    warmup_epochs: Annotated[int, Field(ge=0)]


class Tune(_Block):
    """What `python -m dlt.tune` searches."""

    study: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    storage: str | None = None
    startup_trials: Count
    pruning: Pruning
    space: Annotated[dict[str, Span | Choices], Field(min_length=1)]

    @model_validator(mode="after")
    def _searchable(self) -> "Tune":
        for name, span in self.space.items():
            block, _, key = name.partition(".")
            if block not in ("model", "train"):
                raise ValueError(f"space.{name}: no parameter of model: or train:")
            overrides = ModelOverrides if block == "model" else TrainOverrides
            for value in span.ends:
                try:
                    overrides.model_validate({key: value})
                except ValidationError as error:
                    fault = error.errors()[0]["msg"]
                    raise ValueError(f"space.{name}: {value}: {fault}") from None
        return self


PhaseName = Literal["auto", "phase1", "phase2", "phase3", "phase4"]
_Model = TypeVar("_Model", ModelParams, TrainParams)


_ModelOverrides = inheriting(ModelParams)


class _TrainOverrides(inheriting(TrainParams)):  # type: ignore[misc]
    """Values of `train:`; a batch size of auto is the phase's, in as few parts as memory allows."""

    batch_size: Count | Auto | None = None

    @model_validator(mode="after")
    def _one_auto(self) -> "_TrainOverrides":
        if self.batch_size == "auto" and self.gradient_accumulation not in (None, "auto"):
            raise ValueError("gradient_accumulation must be null or auto where batch_size is auto")
        return self


class ModelOverrides(_ModelOverrides):  # type: ignore[valid-type, misc]
    """Values of `model:` that override the phase's."""


class TrainOverrides(_TrainOverrides):
    """The phase, what to start from, what is shown, and values that override the phase's."""

    phase: PhaseName = "auto"
    init_from: str | None = None
    resume_from: str | None = None
    config_file: str | None = None
    tensorboard: bool = False
    monitor_system: bool = False


class ConfigFile(_Block):
    """A file of one's own: values that override the phase's, whichever it is."""

    model: _ModelOverrides = _ModelOverrides()  # type: ignore[valid-type]
    train: _TrainOverrides = _TrainOverrides()


class Params(_Block):
    """The whole of params.yaml."""

    seed: Seed
    ingest: Ingest
    validate_: Annotated[Validate, Field(alias="validate")]  # BaseModel has a method of that name
    split: Split
    data: Data
    model: ModelOverrides
    train: TrainOverrides
    sample: Sample
    evaluate: Evaluate
    phases: Phases
    tune: Tune
    _own: ConfigFile | None = None  # what train.config_file says

    @model_validator(mode="after")
    def _resolves(self, info: ValidationInfo) -> "Params":
        self._own = (info.context or {}).get("own")
        for phase in Phases.model_fields:
            if self.train.phase in ("auto", phase):
                self.resolve(phase)
        return self

    def phase(self, name: str) -> Phase:
        """The hyperparameters that a phase has under `phases:`."""
        found: Phase = getattr(self.phases, name)
        return found

    def resolve(self, phase: str) -> Phase:
        """The hyperparameters of `phase`, under those of the file, under `model:` and `train:`."""
        base = self.phase(phase)
        for over in (self._own, self):
            if over is not None:
                model, train = _resolve(base.model, over.model), _resolve(base.train, over.train)
                base = Phase(model=model, train=train)
        return base


def _resolve(base: _Model, overrides: BaseModel) -> _Model:
    own = overrides.model_dump(exclude_none=True, include=set(type(base).model_fields))
    if isinstance(base, TrainParams) and own.get("batch_size") == "auto":
        own |= {"batch_size": base.examples_a_step, "gradient_accumulation": "auto"}
    return type(base)(**merged(base.model_dump(), own))


def load_params(path: Path = PARAMS) -> Params:
    """Read and check the parameters file.

    Raises:
        DltError: the file is unreadable, or a value is wrong; all wrong values are named.
    """
    raw = read_yaml(path)
    own = None
    if isinstance(raw, dict) and isinstance(raw.get("train"), dict):
        file = raw["train"].get("config_file")
        own = load_config_file(file) if isinstance(file, str) else None
    with told_in_one_line(path):
        return Params.model_validate(raw, context={"own": own})


def load_config_file(file: str) -> ConfigFile:
    """Read and check the file that `train.config_file` names.

    Raises:
        DltError: as `load_params`.
    """
    path = Path(outside(file))
    with told_in_one_line(path):
        return ConfigFile.model_validate(read_yaml(path) or {})
