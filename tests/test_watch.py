"""What shows a running training: its state, its page, the terminal, warnings."""

import io
import json
import math
import re
from pathlib import Path

import pytest
from dvclive import Live
from rich.console import Console

from dlt.evaluate.gallery import write_gallery
from dlt.model.layout_model import LayoutModel
from dlt.params import TrainOverrides
from dlt.train.run import Run, new_run
from dlt.watch.__main__ import frame, sparkline
from dlt.watch.observer import Observer
from dlt.watch.page import duration
from dlt.watch.progress import latest_progress
from dlt.watch.warnings import STALE, idle_gpu, stale_loss
from tests.test_gallery import pairs, read_screenshots
from tests.test_model import TINY
from tests.test_train import ALONE
from tests.test_train import PARAMS as BASE

PARAMS = BASE.model_copy(update={"epochs": 10})
HISTORY = [
    {"train/loss": 3.0, "lr": 0.1, "samples_per_second": 12.5},
    {"train/loss": math.nan, "lr": 0.1, "samples_per_second": 12.5, "val/loss": 2.0},
    {"train/loss": 1.0, "lr": 0.1, "samples_per_second": 12.5},
]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that everything happens in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_EXP_NAME", "wide<b>")
    return tmp_path


def shown(width: int = 100) -> str:
    """A frame of what runs, as text."""
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(frame(latest_progress(Path(".training")), width))
    return console.export_text()


def running(epoch: int) -> Run:
    """A run that has finished so many epochs."""
    run = new_run(LayoutModel(TINY), PARAMS, ALONE)
    run.epoch, run.best_epoch, run.history = epoch, min(epoch, 2), HISTORY[:epoch]
    return run


def log_epochs() -> None:
    with Live("log<i>", dvcyaml=False, save_dvc_exp=False) as live:
        for metrics in HISTORY:
            for name, value in metrics.items():
                live.log_metric(name, value)
            live.next_step()


def test_a_training_is_told_while_it_runs_and_when_it_ends(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_epochs()
    page = checkout / ".training" / "wide<b>.html"
    with Observer(Path("log<i>"), "phase1", PARAMS, TrainOverrides()) as observer:
        observer.started(running(0), 10)
        assert f"page: {page}" in capsys.readouterr().out and page.is_file()
        for epoch in range(1, 4):
            observer.epoch(running(epoch))
        text = page.read_text(encoding="utf-8")
        assert '<meta http-equiv="refresh"' in text and "Epoch 3 of 10" in text
        assert "<svg" in text and "train ends at 1.000" in text
        assert "<b>" not in text and "<i>" not in text and "<script" not in text
        now = shown()
    for told in (
        "running",
        " left",
        "\nepoch 3 of 10, 12.5 samples/s",
        "val/score: epoch 2",
    ):
        assert told in now
    assert re.search(r"train/loss +1\.0000 +█▁", now) and "lr 0.1" in now
    assert "refresh" not in page.read_text(encoding="utf-8") and "finished" in shown()


def test_a_training_that_was_killed_or_failed_is_stopped(checkout: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Observer(Path("log"), "phase1", PARAMS, TrainOverrides()) as observer,
    ):
        observer.started(running(2), 10)
        raise KeyboardInterrupt
    assert "stopped" in shown()
    state = checkout / ".training" / "wide<b>.json"
    told = json.loads(state.read_text())
    state.write_text(json.dumps({**told, "state": "running", "pid": 2**22 + 1}))  # no such process
    assert "stopped" in shown()
    state.write_text("{}")
    assert "No training" in shown()


def test_without_a_training_the_last_log_is_shown(checkout: Path) -> None:
    assert "No training has told its state here yet" in shown()
    log_epochs()
    Path("metrics").mkdir()
    Path("log<i>").rename("metrics/train")
    assert "no training runs; metrics/train has the last" in shown(60)


def test_the_last_gallery_is_shown_with_links_where_there_are_links(checkout: Path) -> None:
    log_epochs()
    Path("metrics").mkdir()
    Path("log<i>").rename("metrics/train")
    write_gallery(Path("plots/visualizations"), pairs(), read_screenshots, each=2)
    text = shown()
    assert "plots/visualizations/overview.png, of the last evaluation" in text
    assert re.search(r"best +f 1\.000, b 1\.000", text) and "worst" in text
    terminal = Console(width=100, force_terminal=True, file=io.StringIO())
    terminal.print(frame(None, 100))
    link = (checkout / "plots/visualizations/worst_1.png").as_uri()
    assert f";{link}\x1b\\" in terminal.file.getvalue()  # type: ignore[attr-defined]


def test_curves_and_durations_fit() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0], 5) == "▁" and len(sparkline(list(range(1000)), 60)) <= 60
    assert [duration(s) for s in (4.2, 61, 3 * 3600 + 120)] == ["5 s", "1 min 1 s", "3 h 2 min"]


def test_a_loss_that_has_stopped_falling_is_told_once() -> None:
    losses = [3.0, 2.0, *[2.5] * 8, 1.0]
    history: list[dict[str, float]] = []
    told = []
    for number, loss in enumerate(losses):
        history.append({"train/loss": 1.0})
        assert stale_loss(history) is None
        history.append({"val/loss": loss})
        told.append((number, stale_loss(history)))
    said = [(number, line) for number, line in told if line]
    assert said == [(1 + STALE, "val loss has stopped falling: 2.0000 was 5 evaluations ago")]


def test_an_idle_gpu_is_told() -> None:
    assert idle_gpu(None) is None and idle_gpu(70) is None
    assert "GPU use is 42 %" in (idle_gpu(42.4) or "")


def test_tensorboard_has_every_metric_or_says_what_is_missing(checkout: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Observer(Path("log"), "phase1", PARAMS, TrainOverrides(tensorboard=True)) as observer:
        observer.started(running(2), 10)
        observer.epoch(running(3))
    events = EventAccumulator(str(checkout / ".training" / "tensorboard" / "wide<b>"))
    events.Reload()
    assert {n for metrics in HISTORY for n in metrics} == set(events.Tags()["scalars"])
    assert [(e.step, e.value) for e in events.Scalars("val/loss")] == [(2, 2.0)]
