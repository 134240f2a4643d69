"""params.yaml: the file in the repository, overrides, and wrong values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dlt.errors import DltError
from dlt.model.layout_model import LayoutModel, count_parameters
from dlt.params import PARAMS, Sample, load_params

STATED = {"phase1": 1.2e6, "phase2": 3.6e6, "phase3": 12e6}


def written(folder: Path, **changes: Any) -> Path:
    """params.yaml with changes such as train__lr=1, in a folder."""
    values = yaml.safe_load(PARAMS.read_text())
    for name, value in changes.items():
        *blocks, last = name.split("__")
        block = values
        for key in blocks:
            block = block[key]
        block[last] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    return folder / "params.yaml"


@pytest.mark.parametrize("phase", STATED)
def test_sizes_are_within_five_per_cent_of_the_stated(phase: str) -> None:
    count = count_parameters(LayoutModel(load_params().resolve(phase).model))
    assert abs(count / STATED[phase] - 1) < 0.05


def test_phase_four_has_at_least_50_million() -> None:
    assert count_parameters(LayoutModel(load_params().resolve("phase4").model)) >= 50e6


def test_overrides_win_and_null_inherits(tmp_path: Path) -> None:
    params = load_params(written(tmp_path, train__lr="1e-06", model__d_model=64))
    for phase in ("phase1", "phase3"):
        chosen = params.resolve(phase)
        assert chosen.train.lr == 1e-6  # YAML 1.2 writers drop the point; PyYAML reads a string
        assert chosen.model.d_model == 64
        assert chosen.train.epochs == getattr(params.phases, phase).train.epochs


def test_an_auto_batch_is_the_phases_in_parts(tmp_path: Path) -> None:
    for name in ("train__batch_size", "train__gradient_accumulation"):
        params = load_params(written(tmp_path, **{name: "auto"}))
        for phase in ("phase1", "phase4"):
            train = params.resolve(phase).train
            assert train.batch_size == train.examples_a_step == params.phase(phase).train.batch_size
            assert train.gradient_accumulation == "auto"
    twice = {"phases__phase2__train__gradient_accumulation": 2, "train__batch_size": "auto"}
    assert load_params(written(tmp_path, **twice)).resolve("phase2").train.batch_size == 128


def test_all_wrong_values_are_named_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, train__lr="abc", train__phase="phase9", split__ratios=[1, 1, 1])
    with pytest.raises(DltError) as caught:
        load_params(path)
    message = str(caught.value)
    assert "\n" not in message
    for name in ("train.lr", "train.phase", "ratios"):
        assert name in message


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"train__batch_size": "auto", "train__gradient_accumulation": 2}, "gradient_accumulation"),
        ({"phases__phase1__train__batch_size": "auto"}, "batch_size"),
        ({"train__typo": 1}, "train.typo"),
        ({"train__init_share": 0.5}, "init_share is above 0, but init_from"),
        ({"seed": -1}, "seed"),
        ({"model__d_model": 100}, "model.d_model"),
        ({"ingest__source": "archive"}, "archive.path"),
        ({"ingest__archive__sha256": "12"}, "ingest.archive.sha256"),
        ({"model__image_width": 96, "model__patch_size": [16, 64]}, "image_width"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, changes: dict[str, Any], name: str) -> None:
    with pytest.raises(DltError, match=name):
        load_params(written(tmp_path, **changes))


def test_a_value_of_none_of_several_kinds_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(DltError) as caught:
        load_params(written(tmp_path, train__batch_size=0))
    (told,) = str(caught.value).split("; ")
    assert "train.batch_size: " in told and "1 or input should be 'auto' (given 0)" in told


def test_predictions_without_params_are_as_with_the_file() -> None:
    assert load_params().sample == Sample()


@pytest.mark.parametrize("text", ["a: [", "just text", ""])
def test_a_file_that_is_no_mapping_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(DltError) as caught:
        load_params(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_a_file_of_ones_own_lies_between_phase_and_overrides(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("train: {lr: 7e-5, batch_size: 8, early_stopping: {patience: 3}}\n")
    path = written(tmp_path, train__config_file=str(own), train__batch_size=4)
    params = load_params(path)
    for phase in ("phase1", "phase4"):
        found, usual = params.resolve(phase), params.phase(phase)
        assert (found.train.lr, found.train.batch_size) == (7e-5, 4)
        assert found.train.early_stopping.patience == 3
        assert found.train.early_stopping.metric == usual.train.early_stopping.metric
        assert found.model == usual.model and usual.train.lr != 7e-5


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("train: {lrr: 1, epochs: 0}\nmodle: {}", "train.epochs: .*train.lrr: .*modle: "),
        ("train: {phase: phase2}", "train.phase: "),
        ("- a", "should be a valid dictionary"),
        ("a: [", "not YAML"),
        (None, "No such file"),
    ],
)
def test_a_wrong_file_of_ones_own_is_one_line_that_names_it(
    tmp_path: Path, text: str | None, named: str
) -> None:
    own = tmp_path / "own.yaml"
    if text is not None:
        own.write_text(text)
    with pytest.raises(DltError, match=named) as caught:
        load_params(written(tmp_path, train__config_file=str(own)))
    assert str(caught.value).startswith(f"{own}: ") and "\n" not in str(caught.value)


def test_a_file_of_ones_own_and_the_phase_must_fit_together(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("model: {image_width: 96}")
    with pytest.raises(DltError, match="image_width is not a multiple of patch_size's width 80"):
        load_params(written(tmp_path, train__config_file=str(tmp_path / "own.yaml")))
