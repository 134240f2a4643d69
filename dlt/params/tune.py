"""What `python -m dlt.tune` searches, and how."""

import math
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from dlt.blocks import Block
from dlt.params.overrides import ModelOverrides, TrainOverrides
from dlt.params.types import Count, Positive


class Span(Block):
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


class Choices(Block):
    """Values to choose from."""

    choices: Annotated[tuple[int | float, ...], Field(min_length=2)]

    @property
    def ends(self) -> tuple[int | float, ...]:
        """The values that must be right."""
        return self.choices


class Pruning(Block):
    """When a trial may be stopped early."""

    startup_trials: Annotated[int, Field(ge=0)]
    warmup_epochs: Annotated[int, Field(ge=0)]


class Tune(Block):
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
