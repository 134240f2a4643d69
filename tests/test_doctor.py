"""`make doctor`: what it says of this machine, and of one where things are missing."""

import os
import subprocess
import sys
from pathlib import Path

from dlt import doctor

ROOT = Path(__file__).parents[1]


def test_names_what_is_here() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "dlt.doctor"], check=False, cwd=ROOT, text=True, capture_output=True
    )
    shown = {line.split("  ")[0] for line in answer.stdout.splitlines()}
    assert {"python", "torch", "dvc", "cuda", "memory", "free disk", "browser", "git"} <= shown
    assert answer.returncode == int("Missing:" in answer.stdout)
    assert answer.stderr == ""


def test_runs_where_no_package_is_installed() -> None:
    answer = subprocess.run(
        # -S leaves out site-packages
        [sys.executable, "-S", "-m", "dlt.doctor"],
        check=False,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        text=True,
        capture_output=True,
    )
    assert answer.returncode == 1
    assert "Missing: packages: 0 of" in answer.stdout
    assert "make repro" in answer.stdout
    assert answer.stderr == ""


def test_packages_of_another_version_are_missing(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# words\npytest==0.0.1\nno-such-package==1.0\n")
    *_, finding = doctor.packages(requirements)
    assert finding.needed and finding.mend
    assert "0 of 2" in finding.found and "pytest, no-such-package" in finding.found


def test_folders_without_git_or_dvc(tmp_path: Path) -> None:
    (finding,) = doctor.repository(tmp_path)
    assert finding.needed and finding.mend == "git init, or clone it"
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    *_, finding = doctor.repository(tmp_path)
    assert finding.needed and finding.mend == "git checkout .dvc, or: dvc init"


def test_stages_that_always_run_are_not_out_of_date() -> None:
    assert doctor._pipeline('{"source": ["always changed"]}') == "up to date"
    status = '{"source": ["always changed"], "train": [{"changed deps": {"dlt": "modified"}}]}'
    assert doctor._pipeline(status) == "out of date: train; run dvc repro"
    assert doctor._pipeline(None).startswith("unknown")
