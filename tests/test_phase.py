"""The phases and the command that prints them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dlt.phase import PHASES, phase_of


@pytest.mark.parametrize(
    ("count", "phase"),
    [
        (0, "phase1"),
        (2_499, "phase1"),
        (2_500, "phase2"),
        (24_999, "phase2"),
        (25_000, "phase3"),
        (99_999, "phase3"),
        (100_000, "phase4"),
        (10**9, "phase4"),
    ],
)
def test_phase_of_a_count(count: int, phase: str) -> None:
    assert phase_of(count) == phase


def test_phases_are_in_order() -> None:
    assert [phase.name for phase in PHASES] == ["phase1", "phase2", "phase3", "phase4"]
    limits = [phase.below for phase in PHASES if phase.below is not None]
    assert limits == sorted(limits)
    assert PHASES[-1].below is None


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dlt.phase", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_command_reads_the_split_summary(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"found": 5000}')
    assert run("--splits", str(tmp_path), "--output", "phase").stdout == "phase2\n"
    facts = json.loads(run("--splits", str(tmp_path), "--output", "json").stdout)
    assert (facts["examples"], facts["name"], facts["gpu"]) == (5_000, "phase2", "1x V100")
    text = run("--splits", str(tmp_path)).stdout
    for fact in ("5,000", "phase2 (first product)", "82-87 %", "6-12 h", "$100-200 a month"):
        assert fact in text
    assert "published expectation" in text


def test_command_counts_folders(tmp_path: Path) -> None:
    (tmp_path / "train" / "one").mkdir(parents=True)
    assert run("--data", str(tmp_path), "--output", "phase").stdout == "phase1\n"


@pytest.mark.parametrize("option", ["--splits", "--data"])
def test_nothing_to_count_is_one_line(tmp_path: Path, option: str) -> None:
    done = run(option, str(tmp_path / "absent"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "absent" in done.stderr
