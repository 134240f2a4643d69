"""Sweeps through the real queue of DVC, in a checkout of their own with a tiny dataset.

Most train with a stand-in, for what is tested here is between DVC, Optuna and the process table.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import psutil
import pytest
import yaml
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial

from dlt.tune.study import open_storage
from tests.pipeline import TIMEOUT, Checkout, end, environment
from tests.test_pipeline import zip_folder

STAND_IN = """
import json, os, sys, time
from pathlib import Path
import stages  # noqa: F401 (chooses the GPU)
from dlt.params import load_params
from dlt.paths import main_checkout
from dlt.tune.pruning import should_stop

name, started = os.environ["DVC_EXP_NAME"], main_checkout() / ".tune" / "started"
started.mkdir(parents=True, exist_ok=True)
(started / name).touch()
deadline = time.monotonic() + 100
if name.endswith(("-0002", "-0003")):  # these two run at a time
    while time.monotonic() < deadline and len(list(started.glob("*-000[23]"))) < 2:
        time.sleep(0.1)
time.sleep(float(os.environ.get("STAND_IN_SLEEPS", 0)))
if name.endswith("-0001") and "STAND_IN_FAILS" in os.environ:
    sys.exit("this trial fails")
load_params()
accuracy = 0.1 if name.endswith("-0002") else 0.5 + len(name) / 100 + name.endswith("-0003") / 10
pruned = should_stop(2, accuracy)
shard = next(Path("data/processed/train").glob("*.tar"))
linked = shard.is_symlink() or shard.stat().st_nlink > 1
Path("models/dlt").mkdir(parents=True)
Path("models/dlt/model.safetensors").write_text(f"{name} {time.time()}")
Path("metrics/train").mkdir(parents=True)
told = {"val": {"best_layout_accuracy": accuracy}, "linked": linked, "pruned": pruned}
told["gpu"] = int(os.environ.get("CUDA_VISIBLE_DEVICES", "-1"))
Path("metrics/train/summary.json").write_text(json.dumps(told))
"""


def new_checkout(root: Path, *, stand_in: bool = True) -> Checkout:
    """A checkout with its data ready, committed; `stand_in` replaces the training."""
    checkout = Checkout.new(root)
    space = {"train.lr": {"low": 1e-4, "high": 1e-2, "log": True}}
    checkout.set(**{"tune.space": space, "tune.pruning.startup_trials": 1})
    checkout.set(**{"tune.pruning.warmup_epochs": 0})
    if stand_in:
        (root / "stages" / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
        pipeline = root / "dvc.yaml"
        stages = yaml.safe_load(
            pipeline.read_text(encoding="utf-8").replace("s.train", "s.stand_in")
        )
        for stage in ("evaluate", "readiness"):  # never run here: DVC could not apply their outputs
            del stages["stages"][stage]
        pipeline.write_text(yaml.safe_dump(stages, sort_keys=False), encoding="utf-8")
    checkout.dvc("repro", "split")
    checkout.commit()
    return checkout


def tune(checkout: Checkout, *arguments: str, **env: str) -> str:
    """Run `python -m dlt.tune`; what it printed."""
    return checkout.run(sys.executable, "-m", "dlt.tune", *arguments, variables=env).stdout


def load(checkout: Checkout) -> optuna.Study:
    storage = open_storage(checkout.root / ".tune" / "tune-phase1.journal")
    return optuna.load_study(study_name="tune-phase1", storage=storage)


def states(checkout: Checkout) -> list[str]:
    return [trial.state.name for trial in load(checkout).trials]


def experiments(checkout: Checkout) -> dict[str, Any]:
    """The metrics of training of each experiment that has some, by its name."""
    shown = json.loads(checkout.dvc("exp", "show", "--json"))
    listed = [e for row in shown for e in row["experiments"] or [] if e["revs"]]
    file = "metrics/train/summary.json"
    found = {e["name"]: e["revs"][0].get("data", {}).get("metrics", {}) for e in listed}
    return {
        name: told[file]["data"] for name, told in found.items() if "data" in told.get(file, {})
    }


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def start_queue(checkout: Checkout, jobs: int) -> None:
    """Start workers without waiting for them: of two that end at one moment DVC may leave one, which
    would keep a pipe open."""
    command = '"$0" -m dvc queue start -j "$1" > /dev/null 2>&1'
    checkout.run("sh", "-c", command, sys.executable, str(jobs))


def successes(checkout: Checkout) -> int:
    """How many runs of the queue have ended well, and are fetched."""
    return checkout.dvc("queue", "status").count("Success")


def test_a_sweep_of_four_trials_in_the_real_queue(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "repo")
    gpus = {"CUDA_VISIBLE_DEVICES": "4,5"}
    tune(checkout, "--trials", "2", "--jobs", "2", STAND_IN_FAILS="yes", **gpus)
    assert states(checkout) == ["COMPLETE", "FAIL"]
    tune(checkout, "--trials", "4", "--jobs", "2", **gpus)  # takes the study up again
    assert states(checkout) == ["COMPLETE", "FAIL", "PRUNED", "COMPLETE"]

    ran = experiments(checkout)
    assert sorted(ran) == ["tune-phase1-0000", "tune-phase1-0002", "tune-phase1-0003"]
    # where a worker is slow to begin, the other may run both
    assert {ran["tune-phase1-0002"]["gpu"], ran["tune-phase1-0003"]["gpu"]} <= {4, 5}
    assert all(metrics["linked"] for metrics in ran.values())
    assert ran["tune-phase1-0002"]["pruned"]
    assert checkout.git("status", "--short") == "" and checkout.git("stash", "list") == ""
    assert list((checkout.root / ".tune" / "trials").iterdir()) == []
    assert "<td>tune-phase1-0003" in (checkout.root / ".tune" / "tune-phase1.html").read_text()

    best = load(checkout).best_trial
    checkout.dvc("exp", "apply", f"tune-phase1-{best.number:04d}")
    params = yaml.safe_load((checkout.root / "params.yaml").read_text(encoding="utf-8"))
    assert params["train"]["lr"] == pytest.approx(best.params["train.lr"])
    checkout.run(sys.executable, "-m", "dlt.tune.adopt")
    params = yaml.safe_load((checkout.root / "params.yaml").read_text(encoding="utf-8"))
    assert params["train"]["lr"] is None
    assert params["phases"]["phase1"]["train"]["lr"] == pytest.approx(best.params["train.lr"])


@pytest.mark.slow
def test_a_sweep_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "repo")
    for moment in ("proposing", "training", "workers"):
        _kill_sweep(checkout, moment)
    tune(checkout, "--trials", "5", "--jobs", "2")
    assert len(states(checkout)) == 5 and set(states(checkout)) <= {"COMPLETE", "PRUNED"}
    assert sorted(experiments(checkout)) == [f"tune-phase1-{n:04d}" for n in range(5)]
    assert checkout.git("status", "--short") == "" and checkout.git("stash", "list") == ""


def _kill_sweep(checkout: Checkout, moment: str) -> None:
    """Start a sweep, and kill -9 it at a moment; "workers": and its workers, not what they run."""
    env = {**environment(), "STAND_IN_SLEEPS": "3"}
    command = [sys.executable, "-m", "dlt.tune", "--trials", "5", "--jobs", "2"]
    log = checkout.root.parent / f"{moment}.log"
    with open(log, "w", encoding="utf-8") as printed:
        sweep = subprocess.Popen(
            command,
            cwd=checkout.root,
            env=env,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    told = checkout.root / ".tune" / "trials"
    try:
        if moment == "proposing":
            wait_for(lambda: told.is_dir() and bool(list(told.iterdir())), "no trial was proposed")
        else:
            wait_for(lambda: "up to 5" in log.read_text(encoding="utf-8"), "no sweep began")
            wait_for(lambda: bool(_processes(checkout, "stages.stand_in")), "nothing ran")
    finally:
        end(sweep)
    if moment == "workers":
        for process in _processes(checkout, "queue-worker"):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _processes(checkout: Checkout, word: str) -> list[psutil.Process]:
    """Processes of this checkout with a word in their command."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        cwd = Path(process.info["cwd"] or "/")
        if word in (process.info["cmdline"] or []) and cwd.is_relative_to(checkout.root):
            found.append(process)
    return found


@pytest.mark.slow
def test_training_itself_stops_and_trains_in_full_another_time(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "repo", stand_in=False)
    checkout.set(**{"train.epochs": 4, "train.eval_every": 1})
    checkout.commit()
    tune(checkout, "--trials", "1")
    distribution = FloatDistribution(1e-4, 1e-2, log=True)
    perfect = create_trial(
        params={"train.lr": 1e-3},
        distributions={"train.lr": distribution},
        intermediate_values={epoch: 1.0 for epoch in range(5)},
        value=1.0,
    )
    load(checkout).add_trial(perfect)
    tune(checkout, "--trials", "3")
    assert states(checkout) == ["COMPLETE", "COMPLETE", "PRUNED"]
    ran = experiments(checkout)
    whole, stopped = 5, 2  # one of proposals, then four; one
    assert ran["tune-phase1-0000"]["epochs"] == whole
    assert ran["tune-phase1-0002"]["epochs"] == stopped
    assert [path.name for path in (checkout.root / ".checkpoints").iterdir()] == ["finished"]
    lr = load(checkout).trials[2].params["train.lr"]
    again = checkout.dvc("exp", "run", "-S", f"train.lr={lr}", "-S", "train.phase=phase1", "train")
    assert "Running stage 'train'" in again
    assert checkout.json("metrics/train/summary.json")["epochs"] == whole


@pytest.mark.slow
def test_the_documented_grid_with_a_dataset_outside(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "repo")
    zip_folder(checkout.root / "data" / "raw", tmp_path / "sections.zip")
    checkout.set(
        **{"ingest.source": "archive", "ingest.archive.path": "../sections.zip"}  # outside
    )
    checkout.dvc("repro", "split")
    checkout.commit()
    grid = ["-S", "train.lr=1e-4,3e-4", "-S", "model.d_model=range(64,129,64)"]
    checkout.dvc("exp", "run", "--queue", *grid, "train")
    start_queue(checkout, 2)
    wait_for(lambda: successes(checkout) == 4, "the grid did not end")
    assert all(metrics["linked"] for metrics in experiments(checkout).values())


@pytest.mark.slow
def test_the_documented_data_size_study_and_its_curve(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "repo", stand_in=False)
    sizes = ["-S", "data.max_examples=4,12"]
    checkout.dvc("exp", "run", "--queue", "-s", "-n", "size", *sizes, "train", "evaluate")
    start_queue(checkout, 1)
    wait_for(lambda: successes(checkout) == 2, "the study did not end")
    said = checkout.run(sys.executable, "-m", "benchmarks.data_size").stdout
    for line in ("val         4 sections", "test       12 sections"):
        assert line in said
    assert (checkout.root / "benchmarks" / "data_size.png").read_bytes().startswith(b"\x89PNG")
    logs = checkout.dvc("queue", "logs", "size-1")
    assert "Running stage 'evaluate'" in logs and "Stage 'ingest'" not in logs
