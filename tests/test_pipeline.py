"""The pipeline end to end, small, through the commands that a person types."""

import json
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from dlt.ingest.synthetic import write_dataset
from dlt.process import cores
from tests.pipeline import Checkout

STAGES = ("ingest", "validate", "split", "train", "evaluate", "readiness")
OUTPUTS = (
    "data/raw/train",
    "data/raw/val",
    "data/raw/test",
    "data/validated/report.json",
    "data/splits/summary.json",
    "data/splits/test.txt",
    "data/processed/train",
    "data/processed/val",
    "data/processed/test",
    "models/dlt/model.safetensors",
    "metrics/validate.json",
    "metrics/train/metrics.json",
    "metrics/train/summary.json",
    "metrics/evaluate.json",
    "metrics/performance.json",
    "metrics/readiness.json",
    "plots/confusion.csv",
    "plots/confusion.png",
    "plots/headlines.png",
    "plots/visualizations",
    "plots/tables",
    "plots/report.html",
    "metrics/error_analysis.json",
)
MODEL = "models/dlt/model.safetensors"


# --- the golden run -------------------------------------------------------------------------------


def test_every_output_is_there_and_whole(finished: Checkout) -> None:
    missing = [path for path in OUTPUTS if not (finished.root / path).exists()]
    assert not missing
    assert finished.leftovers() == []
    assert 0 <= finished.json("metrics/evaluate.json")["layout_accuracy"] <= 1
    assert finished.json("metrics/readiness.json")["ready"] is False
    assert finished.json("metrics/validate.json")["status"]["ok"] == 24
    assert [p.name for p in (finished.root / ".checkpoints").glob("*")] == ["finished"]


def test_a_second_run_does_nothing_and_dvc_shows_the_first(done: Checkout) -> None:
    said = done.dvc("repro")
    assert [s for s in STAGES if f"Stage '{s}' didn't change" not in said] == []
    assert "Running stage 'source'" in said
    assert done.git("status", "--short") == ""
    assert "layout_accuracy" in done.dvc("metrics", "show")
    assert "train" in done.dvc("dag")
    done.dvc("plots", "show")
    page = (done.root / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    for title in ("Loss", "Layout accuracy on val", "Node labels", "overview.png"):
        assert title in page
    assert done.git("status", "--short") == ""
    done.set(**{"sample.steps": 1})
    said = done.dvc("status")
    assert "evaluate:" in said and "train:" not in said


def test_an_experiment_runs_and_is_compared(done: Checkout) -> None:
    before = done.digest(MODEL)
    own = "train: {schedule: linear, early_stopping: {metric: val/loss}}"
    (done.root / "own.yaml").write_text(own, encoding="utf-8")
    sets = ["train.lr=3e-4", "train.curriculum.enabled=true", "train.config_file=own.yaml"]
    sets += ["train.monitor_system=true"]
    said = done.dvc("exp", "run", "-n", "slower", *(f"-S{value}" for value in sets))
    assert "Stage 'validate' didn't change" in said
    assert "curriculum: stage 1 of 3 begins in epoch 1" in said and "schedule linear" in said
    told = done.json(".training/slower.json")
    assert (told["state"], told["epoch"], told["metric"]) == ("finished", 3, "val/loss")
    assert f"page: {done.root / '.training' / 'slower.html'}" in said
    logged = done.json("metrics/train/metrics.json")
    assert logged["curriculum_stage"] == 2
    assert "val/loss" in done.run(sys.executable, "-m", "dlt.watch", "--once").stdout
    assert done.digest(MODEL) != before
    rows = json.loads(done.dvc("exp", "show", "--json"))
    workspace = rows[0]["data"]
    assert workspace["params"]["params.yaml"]["data"]["train"]["lr"] == 3e-4
    assert "layout_accuracy" in workspace["metrics"]["metrics/evaluate.json"]["data"]
    names = [e["name"] for row in rows for e in row["experiments"] or []]
    assert names == ["slower"]
    assert "train" in done.dvc("params", "diff")
    done.dvc("metrics", "diff")


def test_a_clone_pulls_what_another_pushed(done: Checkout, tmp_path: Path) -> None:
    done.dvc("remote", "add", "--default", "store", str(tmp_path / "store"))
    done.commit()
    done.dvc("push")
    done.git("clone", "-q", str(done.root), str(tmp_path / "clone"))
    clone = Checkout(tmp_path / "clone")
    assert clone.digest("models") == {}
    clone.dvc("pull")
    for path in ("data/raw", "data/validated", "data/splits", "data/processed", "models"):
        assert clone.digest(path) == done.digest(path)
    said = clone.dvc("repro")
    assert [s for s in STAGES if f"Stage '{s}' didn't change" not in said] == []


@pytest.mark.slow
def test_new_examples_continue_a_model_and_what_it_forgets_is_told(
    done: Checkout, tmp_path: Path
) -> None:
    shutil.copytree(done.root / "models" / "dlt", tmp_path / "start")
    shutil.copytree(done.root / "data" / "processed" / "test", tmp_path / "old_test")
    write_dataset(tmp_path / "new", 12, seed=7)
    sets = ["ingest.source=archive", "ingest.archive.path=../new", "train.init_from=../start"]
    sets += ["train.init_share=0.5", "evaluate.old_test=../old_test"]
    before = done.json("metrics/evaluate.json")["layout_accuracy"]
    said = done.dvc("exp", "run", "-n", "more", *(f"-S{value}" for value in sets))
    assert f"{before:.3f} before training went on" in said
    assert done.json("metrics/evaluate.json")["old_test"]["before"] == before
    changed = json.loads(done.dvc("metrics", "diff", "HEAD", "more", "--json"))
    accuracy = changed["metrics/evaluate.json"]["old_test.layout_accuracy"]
    assert accuracy["old"] is None and 0 <= accuracy["new"] <= 1
    write_dataset(tmp_path / "old_test", 6, seed=8)
    assert "Running stage 'evaluate'" in done.dvc("repro")  # a changed test outside is noticed


@pytest.mark.slow
def test_the_queue_finds_a_dataset_outside_by_a_relative_path(
    done: Checkout, tmp_path: Path
) -> None:
    zip_folder(done.root / "data" / "raw", tmp_path / "sections.zip")
    source = ["-S", "ingest.source=archive", "-S", "ingest.archive.path=../sections.zip"]
    few = ["-S", "ingest.num_samples=12"]
    done.dvc("exp", "run", "--queue", "-n", "queued", *source, *few)
    done.dvc("exp", "run", "--run-all")
    assert "Success" in done.dvc("queue", "status")
    here = done.dvc("exp", "run", "-n", "here", *source, *few)
    assert "Stage 'split' is cached" in here  # the queued run saw the same data
    assert sum(done.json("data/splits/summary.json")["split"].values()) == 12
    (tmp_path / "sections.zip").unlink()
    assert "no such file" in done.dvc("repro", code=255)


# --- isolation and reproducibility ----------------------------------------------------------------


def test_training_repeats_to_the_byte_and_never_reads_the_test_split(done: Checkout) -> None:
    before = done.digest(MODEL)
    assert before
    shutil.rmtree(done.root / "data" / "processed" / "test")
    shutil.rmtree(done.root / "data" / "raw")
    shutil.rmtree(done.root / "models" / "dlt")
    done.stage("train")
    assert done.digest(MODEL) == before


def test_all_wrong_parameters_are_named_at_once_and_nothing_changes(done: Checkout) -> None:
    outputs = ("data/raw", "data/processed", "models", "metrics", "plots")
    before = [done.digest(path) for path in outputs]
    said = done.dvc("exp", "run", "-S", "train.lr=abc", "-S", "train.phase=phase9", code=255)
    named = [line for line in said.splitlines() if "train.lr" in line and "train.phase" in line]
    assert len(named) == 1 and "Traceback" not in said
    assert [done.digest(path) for path in outputs] == before
    for stage in STAGES:
        assert "train.lr" in done.refused(stage)
    assert [done.digest(path) for path in outputs] == before


# --- bad data -------------------------------------------------------------------------------------


def zip_folder(folder: Path, target: Path) -> None:
    """Pack a dataset folder."""
    shutil.make_archive(str(target.with_suffix("")), "zip", folder)


def png(width: int, height: int) -> bytes:
    """A black PNG file of one bit a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    row = bytes(1 + (width + 7) // 8)
    rows = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def write_sound(folder: Path) -> Path:
    """Write a small example without a fault, with a repeated key."""
    folder.mkdir(parents=True)
    structure = '{"div.a": {"p.x": {"text": "One"}, "p.x": {"text": "Two"}}}'
    layout = '{"structure": {"section@div.a": {"paragraph@p.x": "", "paragraph@p.x": ""}}}'
    (folder / "structure.json").write_text(structure, encoding="utf-8")
    (folder / "layout.json").write_text(layout, encoding="utf-8")
    (folder / "screenshot.png").write_bytes(png(512, 64))
    return folder


def from_folder(checkout: Checkout, folder: Path) -> Checkout:
    """Take the examples of a folder or an archive instead of synthetic ones."""
    return checkout.set(**{"ingest.source": "archive", "ingest.archive.path": str(folder)})


def test_repeated_keys_are_all_read(unrun: Checkout, tmp_path: Path) -> None:
    for i in range(3):
        write_sound(tmp_path / "set" / f"e{i}")
    from_folder(unrun, tmp_path / "set").stage("ingest")
    unrun.stage("validate")
    assert unrun.json("metrics/validate.json")["nodes"] == {"min": 3, "median": 3, "max": 3}


def ghost(folder: Path) -> None:
    layout = '{"structure": {"section@div.a": {"paragraph@p.ghost": ""}}}'
    (folder / "layout.json").write_text(layout, encoding="utf-8")


def deep(folder: Path) -> None:
    text = '{"div": ' * 8_000 + '{"text": ""}' + "}" * 8_000
    (folder / "structure.json").write_text(text, encoding="utf-8")


def truncated(folder: Path) -> None:
    path = folder / "screenshot.png"
    path.write_bytes(path.read_bytes()[:50])


BAD_EXAMPLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a node that is not there": (ghost, "layout.json"),
    "8,000 deep": (deep, "structure.json"),
    "1x1": (lambda folder: (folder / "screenshot.png").write_bytes(png(1, 1)), "1x1"),
    "truncated": (truncated, "screenshot.png"),
    "30,000x30,000": (
        lambda folder: (folder / "screenshot.png").write_bytes(png(30_000, 30_000)),
        "30000x30000",
    ),
}


@pytest.mark.parametrize("fault", BAD_EXAMPLES)
def test_a_bad_example_is_named_with_its_file(fault: str, unrun: Checkout, tmp_path: Path) -> None:
    spoil, named = BAD_EXAMPLES[fault]
    for i in range(2):
        write_sound(tmp_path / "set" / f"good{i}")
    spoil(write_sound(tmp_path / "set" / "bad"))
    from_folder(unrun, tmp_path / "set").stage("ingest")
    lines = unrun.refused("validate").splitlines()
    assert len(lines) == 2 and "1 faults in 1 of 3" in lines[0]
    assert lines[1].startswith("  bad: ") and named in lines[1] and len(lines[1]) < 300
    assert unrun.digest("data/validated") == unrun.digest("metrics") == {}
    assert unrun.leftovers() == []


def test_dvc_stops_at_bad_examples_or_sets_them_aside(unrun: Checkout, tmp_path: Path) -> None:
    for i in range(4):
        write_sound(tmp_path / "set" / f"good{i}")
    for i, (spoil, _) in enumerate(BAD_EXAMPLES.values()):
        spoil(write_sound(tmp_path / "set" / f"bad{i}"))
    said = from_folder(unrun, tmp_path / "set").dvc("repro", code=255)
    assert "5 faults in 5 of 9" in said and "failed to reproduce 'validate'" in said
    assert len([line for line in said.splitlines() if line.startswith("  bad")]) == 5
    raw = unrun.digest("data/raw")
    assert len(raw) == 9 * 3 and unrun.digest("data/validated") == {}
    unrun.set(**{"validate.fix_errors": True}).dvc("repro", "validate")
    assert unrun.json("metrics/validate.json")["status"]["quarantined"] == 5
    assert unrun.digest("data/raw") == raw


def test_hostile_archives_are_refused(unrun: Checkout, tmp_path: Path) -> None:
    escape = tmp_path / "escape.zip"
    with zipfile.ZipFile(escape, "w") as archive:
        archive.writestr("e/structure.json", "{}")
        archive.writestr("../../escaped/structure.json", "{}")
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("e/screenshot.png", bytes(200 << 20))
    for source in (escape, bomb):
        said = from_folder(unrun, source).refused("ingest")
        assert len(said.splitlines()) == 1 and str(source) in said
        assert not (unrun.root / "data" / "raw").exists() and unrun.leftovers() == []
    assert not list(tmp_path.rglob("escaped"))


def test_a_dataset_of_none_and_of_one(unrun: Checkout, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no example" in from_folder(unrun, tmp_path / "empty").refused("ingest")
    assert not (unrun.root / "data" / "raw").exists() and unrun.leftovers() == []
    write_sound(tmp_path / "one" / "e")
    from_folder(unrun, tmp_path / "one").stage("ingest")
    unrun.stage("validate")
    assert "1 usable examples" in unrun.refused("split")
    assert unrun.digest("data/splits") == unrun.digest("data/processed") == {}
    assert unrun.leftovers() == []


# --- a full disk ----------------------------------------------------------------------------------


def run_on_small_disk(
    checkout: Checkout, folder: str, size: str, stage: str
) -> subprocess.CompletedProcess[str]:
    """Run a stage with a disk of that size at `folder`; lists what lies there afterwards."""
    (checkout.root / folder).mkdir(parents=True, exist_ok=True)
    private = ["unshare", "-m"] if shutil.which("unshare") else []
    script = f"mount -t tmpfs -o size={size} none {folder} || exit 77; "
    script += f'"$0" -m stages.{stage}; code=$?; find {folder} -type f; exit $code'
    done = (
        checkout.run(*private, "sh", "-c", script, sys.executable, code=None) if private else None
    )
    if done is None or done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting a small disk is not allowed here")
    return done


def test_a_full_disk_stops_ingest_with_one_line(unrun: Checkout) -> None:
    done = run_on_small_disk(unrun, "data", "500k", "ingest")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("ingest: ") and len(done.stderr.splitlines()) == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("folder", [".checkpoints", "models", "metrics"])
def test_a_full_disk_stops_training_with_one_line(done: Checkout, folder: str) -> None:
    shutil.rmtree(done.root / folder, ignore_errors=True)
    ended = run_on_small_disk(done, folder, "8k", "train")
    assert ended.returncode == 1, ended
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("train: ") and "No space left on device" in last
    assert "Traceback" not in ended.stderr
    assert "step-" not in ended.stdout and "model.safetensors" not in ended.stdout


# --- kill -9 --------------------------------------------------------------------------------------


def test_ingest_killed_again_and_again_ends_as_if_never_killed(
    unrun: Checkout, tmp_path: Path
) -> None:
    unrun.set(**{"ingest.num_samples": 200})
    untouched = unrun.copy(tmp_path / "untouched")
    raw, partial = unrun.root / "data" / "raw", unrun.root / "data" / ".raw.partial"
    workers = ("worker",) if cores() > 1 else ()  # one core: no pool
    for victim in (*workers, "stage", "dvc", "group"):
        said = unrun.kill_repro("ingest", victim, lambda: any(partial.rglob("layout.json")))
        assert "Traceback" not in said
        assert ("ingest: a worker process was killed" in said) == (victim == "worker")
        # a stage has half a second left after dvc, in which it may come to its end
        assert len(list(raw.rglob("layout.json"))) in ((0, 200) if victim == "dvc" else (0,))
        shutil.rmtree(raw, ignore_errors=True)
    unrun.dvc("repro", "validate")
    untouched.dvc("repro", "validate")
    assert unrun.leftovers() == []
    assert unrun.digest("data/raw") == untouched.digest("data/raw") != {}


@pytest.mark.slow
def test_training_killed_again_and_again_goes_on_from_its_last_epoch(
    done: Checkout, tmp_path: Path
) -> None:
    done.set(**{"train.epochs": 40, "train.early_stopping.patience": 40})
    untouched = done.copy(tmp_path / "untouched")
    times: set[int] = set()

    def another_epoch() -> bool:
        found = [p.stat().st_mtime_ns for p in (done.root / ".checkpoints").glob("*/step-*.pt")]
        return bool(set(found) - times)

    for victim in ("stage", "dvc", "group"):
        done.kill_repro("train", victim, another_epoch)
        times |= {p.stat().st_mtime_ns for p in (done.root / ".checkpoints").glob("*/step-*.pt")}
        assert not (done.root / MODEL).exists()
    assert "going on after epoch" in done.dvc("repro")
    assert [p.name for p in (done.root / ".checkpoints").glob("*")] == ["finished"]
    untouched.dvc("repro")
    assert done.digest(MODEL) == untouched.digest(MODEL) != {}
    tables = "metrics/train/plots/metrics/val/layout_accuracy.tsv"
    columns = [
        [line.split("\t")[-1] for line in (c.root / tables).read_text().splitlines()]
        for c in (done, untouched)
    ]
    assert columns[0] == columns[1]


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["stage", "dvc", "group"])
def test_every_stage_can_be_killed_at_its_start(
    unrun: Checkout, finished: Checkout, victim: str
) -> None:
    for stage in ("source", *STAGES):
        unrun.kill_repro(stage, victim, lambda: True)
    unrun.dvc("repro")
    assert unrun.leftovers() == []
    for path in ("data/raw", "data/splits", "data/processed", "models"):
        assert unrun.digest(path) == finished.digest(path) != {}
