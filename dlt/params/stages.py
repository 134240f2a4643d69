"""What the stages take of params.yaml, but for training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dlt.blocks import Block
from dlt.params.types import Count, Fraction, NonNegative, Seed


class Archive(Block):
    """Where a prepared dataset comes from."""

    path: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None


class Webpages(Block):
    """Where saved pages come from, and how they are rendered."""

    path: str | None = None
    annotator: str = "elementor"
    viewport: Annotated[int, Field(ge=320, le=3840)] = 1280
    hide_builder_classes: bool = True
    browser: str | None = None


class Ingest(Block):
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


class Validate(Block):
    """Parameters of the validate stage."""

    fix_errors: bool = False
    verbose: bool = False


class Split(Block):
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


class Data(Block):
    """What training takes of the train split."""

    max_examples: Count | None = None


class Sample(Block):
    """Parameters of the sampler, which are no part of the model."""

    steps: Annotated[int, Field(ge=0, le=1000)] = 1
    temperature: NonNegative = 0.0
    guidance: NonNegative = 1.0
    site_share: Fraction = 0.7
    seed: Seed = 0


class Evaluate(Block):
    """Parameters of the evaluate stage."""

    gallery: Annotated[int, Field(ge=0, le=100)]
    batch_size: Count
    trained_baselines: bool
    against: str | None
    conditioning: bool
    robustness: bool
    ablations: bool
    old_test: str | None = None
