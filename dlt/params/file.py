"""The whole of params.yaml, and the file that `train.config_file` names."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationInfo, model_validator

from dlt.blocks import Block, merged, read_yaml, told_in_one_line
from dlt.params.overrides import ModelOverrides, SomeModel, SomeTrain, TrainOverrides
from dlt.params.stages import Data, Evaluate, Ingest, Sample, Split, Validate
from dlt.params.training import ModelParams, Phase, Phases, TrainParams
from dlt.params.tune import Tune
from dlt.params.types import Seed
from dlt.paths import outside

PARAMS = Path("params.yaml")


class ConfigFile(Block):
    """A file of one's own: values that override the phase's, whichever it is."""

    model: SomeModel = SomeModel()  # type: ignore[valid-type]
    train: SomeTrain = SomeTrain()


class Params(Block):
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

    def phase_for(self, found: str) -> str:
        """The name of the phase that is set, or else `found`: that of the number of examples."""
        return found if self.train.phase == "auto" else self.train.phase

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


_Model = TypeVar("_Model", ModelParams, TrainParams)


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
