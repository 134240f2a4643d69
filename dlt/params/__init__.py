"""params.yaml as frozen, validated models; wrong values are named all at once."""

from dlt.params.file import PARAMS, Params, load_config_file, load_params
from dlt.params.overrides import PhaseName, TrainOverrides
from dlt.params.stages import Evaluate, Ingest, Sample, Split
from dlt.params.training import (
    Curriculum,
    CurriculumStage,
    EarlyStopping,
    ModelParams,
    Phase,
    Phases,
    TrainParams,
)
from dlt.params.tune import Choices, Pruning, Span, Tune

__all__ = [
    "PARAMS",
    "Choices",
    "Curriculum",
    "CurriculumStage",
    "EarlyStopping",
    "Evaluate",
    "Ingest",
    "ModelParams",
    "Params",
    "Phase",
    "PhaseName",
    "Phases",
    "Pruning",
    "Sample",
    "Span",
    "Split",
    "TrainOverrides",
    "TrainParams",
    "Tune",
    "load_config_file",
    "load_params",
]
