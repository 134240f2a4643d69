"""An evaluation as a whole, with every switch on, of a model that has learnt nothing."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator

from dlt import predict
from dlt.data.examples import read_examples
from dlt.errors import DltError
from dlt.evaluate import predictions
from dlt.evaluate.__main__ import main as command_line
from dlt.evaluate.against import other_model
from dlt.evaluate.conditioning import MODES
from dlt.evaluate.error_analysis import ERROR_ANALYSIS_SCHEMA
from dlt.evaluate.forgetting import forgetting, forgetting_line
from dlt.evaluate.perturb import ABLATIONS, ROBUSTNESS, blank_screenshot
from dlt.evaluate.predictions import Source, predict_examples, structure_only
from dlt.evaluate.stage import Outputs, evaluate
from dlt.ingest.synthetic import write_dataset
from dlt.model.confidence import Calibration
from dlt.model.known import Known
from dlt.model.layout_model import LayoutModel
from dlt.params import Evaluate, ModelParams, Sample
from dlt.predict import Predictor
from dlt.section.labels import Labels, contract
from dlt.train.model_file import CALIBRATION_FILE, MODEL_FILE, SPACINGS_FILE, save_model
from tests.test_shards import write_shards

ROOT = Path(__file__).parents[1]
SMALL = ModelParams(
    d_model=32, num_layers=1, num_denoiser_layers=1, dropout=0, image_width=64, patch_size=(16, 32)
)


def make_model(folder: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    config = {"phase": "phase1", "model": SMALL.model_dump()}
    save_model(folder, LayoutModel(SMALL), config, Calibration(bias=0.1, weight=0.5))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_dataset(folder, 20, 3)
    return folder


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an evaluation with everything switched on writes."""
    folder = tmp_path_factory.mktemp("out")
    params = Evaluate(
        gallery=1,
        batch_size=3,
        trained_baselines=True,
        against=str(make_model(folder / "other", 1)),
        conditioning=True,
        robustness=True,
        ablations=True,
    )
    source = Source(
        model=make_model(folder / "model", 0),
        test=lambda: read_examples(data / "test"),
        train=lambda: read_examples(data / "train"),
        val=lambda: read_examples(data / "val"),
        folders=data,
    )
    evaluate(source, outputs(folder), ROOT / "production_requirements.yaml", params, Sample())
    return folder


def outputs(folder: Path) -> Outputs:
    return Outputs(
        folder / "evaluate.json", folder / "performance.json", folder / "errors.json", folder
    )


def test_everything_asked_for_is_measured(out: Path) -> None:
    evaluation = json.loads((out / "evaluate.json").read_text())
    others = ["structure", "tag_label", "nearest", "extra_trees", "boosted_trees", "other_model"]
    assert [row["name"] for row in evaluation["baselines"]] == others
    assert [row["name"] for row in evaluation["robustness"]] == list(ROBUSTNESS)
    assert [row["name"] for row in evaluation["ablations"]] == list(ABLATIONS)
    compared = dict.fromkeys(row["column"] for row in evaluation["comparisons"])
    assert list(compared) == [*others, "unshared", "independent", *ROBUSTNESS, *ABLATIONS]
    assert [row["column"] for row in evaluation["calibration"]] == ["test", "val"]
    blank = {
        row["layout_accuracy"]
        for group in ("robustness", "ablations")
        for row in evaluation[group]
        if row["name"] in ("blank_screenshot", "no_screenshot")
    }
    assert len(blank) == 1


def test_figures_of_what_was_not_given(out: Path) -> None:
    rows = {
        row["name"]: row for row in json.loads((out / "evaluate.json").read_text())["conditioning"]
    }
    assert list(rows) == [*MODES, "25 % of nodes", "50 % of nodes", "75 % of nodes"]
    assert rows["roles"]["node_accuracy"] is rows["boxes"]["box_iou"] is None
    assert rows["roles"]["layout_accuracy"] == 1
    assert rows["nothing"]["box_iou"] is not None is not rows["positions"]["box_iou"]
    ours = json.loads((out / "evaluate.json").read_text())
    assert rows["nothing"]["layout_accuracy"] == pytest.approx(ours["layout_accuracy"], abs=1e-6)


def test_the_structure_alone_is_compared_and_has_no_boxes(out: Path) -> None:
    evaluation = json.loads((out / "evaluate.json").read_text())
    rows = {row["metric"]: row for row in evaluation["rows"] if row["column"] == "structure"}
    assert rows["layout_accuracy"]["value"] > 0
    for name in ("visual_similarity", "box_iou"):
        assert rows[name]["value"] is None and rows[name]["reason"]
    compared = {r["metric"]: r for r in evaluation["comparisons"] if r["column"] == "structure"}
    assert compared["layout_accuracy"]["difference"] is not None
    assert compared["visual_similarity"]["difference"] is None
    assert "structure" in (out / "tables" / "benchmark.csv").read_text()
    assert "Structure only" in (out / "report.html").read_text(encoding="utf-8")


def test_the_structure_alone_does_not_look_at_the_picture(out: Path, data: Path) -> None:
    alone = structure_only(Predictor.load(out / "model"))
    for example, screenshot in read_examples(data / "test"):
        found = alone.predict(example.structure, screenshot)
        assert found == alone.predict(example.structure, blank_screenshot(example, screenshot)[1])
        assert found.boxes is found.confidences is None
        contract(example.structure, found)  # obeys the label law
        heading = Labels(("section", *["heading"] * (len(found.roles) - 1)), found.props)
        known = Known.of(example.structure, heading, ["role"], range(1, len(found.roles)))
        assert alone.predict(example.structure, screenshot, known).roles == heading.roles


def test_every_number_of_steps_is_timed(out: Path) -> None:
    lines = (out / "speed.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["steps", "0", "1", "2", "4", "8", "16"]


def test_the_error_analysis_keeps_its_schema_and_matches_the_table(out: Path) -> None:
    analysis = json.loads((out / "errors.json").read_text())
    Draft202012Validator(ERROR_ANALYSIS_SCHEMA).validate(analysis)
    lines = (out / "errors.csv").read_text().splitlines()
    assert analysis["errors"] == sum(analysis["by_class"].values()) == len(lines) - 1 > 0


def test_the_report_links_its_examples(out: Path, data: Path) -> None:
    text = (out / "report.html").read_text(encoding="utf-8")
    first = next(iter(sorted((data / "test").iterdir()))).name
    assert f"/test/{first}/" in text
    assert not list(out.rglob(".*.partial"))


def test_the_command_needs_no_pipeline(out: Path, data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dlt.evaluate", "--model", str(out / "model")]
    command += ["--data", str(data / "test"), "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plots" / "report.html").is_file()
    ours, same = (json.loads((folder / "evaluate.json").read_text()) for folder in (tmp_path, out))
    assert ours["layout_accuracy"] == same["layout_accuracy"]
    assert [row["name"] for row in ours["baselines"]] == ["structure"]


@pytest.mark.parametrize("option", ["--data", "--train"])
def test_a_folder_without_examples_is_named(
    option: str, out: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {"--data": data / "test", "--train": data / "train", option: tmp_path / "empty"}
    given = [word for pair in folders.items() for word in map(str, pair)]
    command = ["evaluate", "--model", str(out / "model"), *given, "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(DltError, match=rf"{option} .*empty: no examples"):
        command_line()
    assert not (tmp_path / "out").exists()


def test_predictions_come_with_their_confidence(
    out: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["predict", "--model", str(out / "model"), "--data", str(data / "test")]
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(tmp_path)])
    predict.main()
    folders = sorted(tmp_path.iterdir())
    assert [f.name for f in folders] == sorted(f.name for f in (data / "test").iterdir())
    for folder in folders:
        boxes = json.loads((folder / "layout.json").read_text())["boxes"]
        sure = json.loads((folder / "confidence.json").read_text())
        assert len(sure["elements"]) == len(boxes)
        assert sure["confidence"] == pytest.approx(sum(sure["elements"]) / len(boxes))


def test_given_layouts_stay_and_a_wrong_one_is_named(
    out: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = shutil.copytree(data / "test", tmp_path / "mine")
    first, other = sorted(mine.iterdir())[:2]
    (other / "layout.json").unlink()
    command = ["predict", "--model", str(out / "model"), "--data", str(mine), "--given"]
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(tmp_path / "out")])
    predict.main()
    found = [
        json.loads((path / first.name / "layout.json").read_text())
        for path in (mine, tmp_path / "out")
    ]
    assert found[0]["structure"] == found[1]["structure"] and found[0]["props"] == found[1]["props"]
    boxes = [list(chain(*layout["boxes"])) for layout in found]
    assert boxes[0] == pytest.approx(boxes[1], abs=1e-3)
    assert (tmp_path / "out" / other.name / "layout.json").exists()
    (other / "layout.json").write_text((first / "layout.json").read_text())
    with pytest.raises(DltError, match=rf"^{other.name}: layout\.json: "):
        predict.main()


def test_a_screenshot_that_does_not_decode_is_named(
    out: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = min((data / "test").iterdir())
    damaged = tmp_path / "data" / "cut"
    shutil.copytree(example, damaged)
    whole = (example / "screenshot.png").read_bytes()
    (damaged / "screenshot.png").write_bytes(whole[: len(whole) // 2])
    command = ["predict", "--model", str(out / "model"), "--data", str(damaged.parent)]
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(tmp_path / "out")])
    with pytest.raises(DltError, match=r"^cut: screenshot\.png: image file is truncated"):
        predict.main()
    assert not (tmp_path / "out").exists()


def test_examples_are_held_few_at_a_time(
    data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(out / "model")
    whole = predict_examples(predictor, read_examples(data), 1, "all")
    monkeypatch.setattr(predictions, "AT_ONCE", 13)
    parts = list(predictions.labelled_parts(read_examples(data), SMALL, "all"))
    assert 1 < len(parts) and max(len(part) for part in parts) <= 13
    again = predict_examples(predictor, read_examples(data), 1, "all")
    assert [pair.name for pair in again] == [example.name for example, _ in read_examples(data)]
    assert again == whole


@pytest.mark.parametrize(
    ("file", "content"),
    [(CALIBRATION_FILE, '{"bias": 0, "weight": -1}'), (SPACINGS_FILE, '{"counts": {"gap": {}}}')],
)
def test_a_damaged_file_beside_the_weights_is_one_line(
    out: Path, tmp_path: Path, file: str, content: str
) -> None:
    shutil.copytree(out / "model", tmp_path / "model")
    (tmp_path / "model" / file).write_text(content)
    with pytest.raises(DltError, match=file):
        Predictor.load(tmp_path / "model")


def test_no_examples_and_no_model_are_faults(out: Path, tmp_path: Path) -> None:
    params = Evaluate(
        gallery=0,
        batch_size=1,
        trained_baselines=False,
        against=None,
        conditioning=False,
        robustness=False,
        ablations=False,
    )
    source = Source(model=out / "model", test=list)
    requirements = ROOT / "production_requirements.yaml"
    with pytest.raises(DltError, match="no examples"):
        evaluate(source, outputs(tmp_path), requirements, params, Sample())
    with pytest.raises(DltError, match="no such model"):
        evaluate(replace(source, model=tmp_path), outputs(tmp_path), requirements, params, Sample())
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_a_git_revision_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)

    run("git", "init", "-q")
    run("git", "config", "user.name", "Test")
    run("git", "config", "user.email", "test@localhost")
    run(sys.executable, "-m", "dvc", "init", "-q")
    contents = []
    for seed in (0, 1):
        make_model(tmp_path / "models" / "dlt", seed)
        contents.append((tmp_path / "models" / "dlt" / MODEL_FILE).read_bytes())
        run(sys.executable, "-m", "dvc", "add", "-q", "models/dlt")
        run("git", "add", "-A")
        run("git", "commit", "-q", "-m", f"model {seed}")
    monkeypatch.chdir(tmp_path)
    run("git", "tag", "dlt@v0.0.1", "HEAD~1")  # as `gto register dlt HEAD~1` does
    for revision, content in zip(
        ("HEAD~1", "HEAD", "dlt@v0.0.1"), (*contents, contents[0]), strict=True
    ):
        with other_model(revision) as folder:
            assert (folder / MODEL_FILE).read_bytes() == content
    with other_model("models/dlt") as folder:
        assert folder == tmp_path / "models" / "dlt"
    neither = pytest.raises(DltError, match="evaluate.against: 'nowhere' is neither")
    with neither, other_model("nowhere"):
        pass


def test_what_was_forgotten_stands_beside_the_model_before(
    out: Path, data: Path, tmp_path: Path
) -> None:
    write_shards(tmp_path / "old", sorted((data / "test").iterdir()))
    now = Predictor.load(out / "other")
    found = forgetting(now, out / "model", tmp_path / "old", 3)
    before = json.loads((out / "evaluate.json").read_text())
    assert found["before"] == before["layout_accuracy"]
    others = {row["name"]: row for row in before["baselines"]}
    assert found["layout_accuracy"] == others["other_model"]["layout_accuracy"]
    gap = found["layout_accuracy"] - found["before"]
    assert found["difference"] == pytest.approx(gap, abs=1e-5)
    assert f"{found['before']:.3f} before training went on" in forgetting_line(found)
    alone = forgetting(now, None, tmp_path / "old", 3)
    assert alone == {"layout_accuracy": found["layout_accuracy"], "count": found["count"]}
    assert forgetting_line(alone).endswith(f"over {found['count']} sections")
    with pytest.raises(DltError, match=r"evaluate\.old_test: .*none: no examples"):
        forgetting(now, None, tmp_path / "none", 3)
