"""params.yaml as frozen, validated models; wrong values are named all at once."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)

from dlt.errors import DltError

PARAMS = Path("params.yaml")

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=8, le=256, multiple_of=8)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Auto = Literal["auto"]
# YAML 1.1 reads a bare no as false
Precision = Annotated[
    Literal["no", "bf16", "fp16", "auto"], BeforeValidator(lambda x: "no" if x is False else x)
]


class _Block(BaseModel):
    # YAML 1.2 writes 0.000001 as 1e-06, which PyYAML reads as a string: lax mode coerces by type
    model_config = ConfigDict(frozen=True, extra="forbid")


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

    @model_validator(mode="after")
    def _sums_to_one(self) -> "Split":
        if abs(sum(self.ratios) - 1) > 1e-6:
            raise ValueError(f"ratios must add up to 1, not {sum(self.ratios):g}")
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

    @model_validator(mode="after")
    def _divisible(self) -> "ModelParams":
        if self.image_width % self.patch_size[1]:
            raise ValueError(
                f"image_width is not a multiple of patch_size's width {self.patch_size[1]}"
            )
        return self


class TrainParams(_Block):
    """How the model is trained, with no value left open."""

    lr: Positive
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
    role_balance: Fraction
    box_weight: NonNegative
    eval_every: Count
    patience: Count
    gradient_accumulation: Count
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


class Sample(_Block):
    """Parameters of the sampler."""

    steps: Annotated[int, Field(ge=1, le=1000)]


class Evaluate(_Block):
    """Parameters of the evaluate stage."""

    gallery: Annotated[int, Field(ge=0, le=100)]
    batch_size: Count
    trained_baselines: bool
    against: str | None
    robustness: bool
    ablations: bool


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


def _inheriting(block: type[BaseModel]) -> dict[str, Any]:
    """The fields of `block`, each of which may be null: inherited from the phase."""
    return {
        name: (Annotated[field.annotation, *field.metadata] | None, None)
        if field.metadata
        else (field.annotation | None, None)  # type: ignore[operator]
        for name, field in block.model_fields.items()
    }


_ModelOverrides = create_model("_ModelOverrides", __base__=_Block, **_inheriting(ModelParams))
_TrainOverrides = create_model("_TrainOverrides", __base__=_Block, **_inheriting(TrainParams))


class ModelOverrides(_ModelOverrides):  # type: ignore[valid-type, misc]
    """Values of `model:` that override the phase's."""


class TrainOverrides(_TrainOverrides):  # type: ignore[valid-type, misc]
    """The phase, what to start from, and values of `train:` that override the phase's."""

    phase: PhaseName = "auto"
    init_from: str | None = None
    resume_from: str | None = None


class Params(_Block):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
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

    @model_validator(mode="after")
    def _resolves(self) -> "Params":
        for phase in Phases.model_fields:
            if self.train.phase in ("auto", phase):
                self.resolve(phase)
        return self

    def resolve(self, phase: str) -> Phase:
        """The hyperparameters of `phase` with the overrides of `model:` and `train:` applied."""
        base: Phase = getattr(self.phases, phase)
        return Phase(model=_resolve(base.model, self.model), train=_resolve(base.train, self.train))


def _resolve(base: _Model, overrides: BaseModel) -> _Model:
    own = overrides.model_dump(exclude_none=True, exclude={"phase", "init_from", "resume_from"})
    return type(base)(**{**base.model_dump(), **own})


def load_params(path: Path = PARAMS) -> Params:
    """Read and check the parameters file.

    Raises:
        DltError: the file is unreadable, or a value is wrong; all wrong values are named.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DltError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise DltError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        raise DltError(f"{path}: " + "; ".join(dict.fromkeys(faults))) from None


def _describe(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = fault["input"]
    shown = f" (given {given!r})" if not isinstance(given, dict | BaseModel) else ""
    return f"{name}: {message}{shown}" if name else message + shown
