"""Copies of this repository in temporary folders, and the pipeline run in them by real commands."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

REPOSITORY = Path(__file__).parents[1]
TIMEOUT = 600  # seconds for a command that takes a few: a hang fails the test instead of the run
TINY = {
    "ingest.num_samples": 24,
    "model.d_model": 32,
    "model.num_layers": 1,
    "model.num_denoiser_layers": 1,
    "model.image_width": 64,
    "model.patch_size": [16, 32],
    "train.epochs": 2,
    "train.min_steps": 0,
    "train.proposal_epochs": 1,
    "sample.steps": 2,
    "evaluate.gallery": 1,
}
"""Parameters that bring the whole pipeline down to seconds."""


class Checkout:
    """A git repository of its own with the code of this one; commands run in its root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def new(cls, root: Path) -> "Checkout":
        """A checkout of the working tree as it is, committed or not, with tiny parameters."""
        command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (REPOSITORY / name).is_file() and not name.startswith("tests/"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, root / name)
        for made in ("dvc.lock", "data", "models", "metrics", "plots"):
            _remove(root / made)
        checkout = cls(root)
        checkout.set(**TINY)
        checkout.git("init", "-q")
        checkout.git("config", "user.name", "Test")
        checkout.git("config", "user.email", "test@localhost")
        checkout.commit()
        return checkout

    def copy(self, root: Path) -> "Checkout":
        """The same with all its outputs and its DVC cache, to change at will."""
        shutil.copytree(self.root, root, symlinks=True)
        return Checkout(root)

    def set(self, **values: Any) -> "Checkout":
        """Write values into params.yaml by their dotted names."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, value in values.items():
            *blocks, last = name.split(".")
            block = params
            for key in blocks:
                block = block[key]
            block[last] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        return self

    def run(
        self, *command: str, code: int | None = 0, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command and check its exit code, unless that is None.

        Args:
            variables: of its environment.
        """
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env=environment() | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except BaseException:
            out, err = end(process)
            print(f"{command}, killed:\n{out}{err}")
            raise
        done = subprocess.CompletedProcess(command, process.returncode, out, err)
        assert code is None or done.returncode == code, f"{command}:\n{out}{err}"
        return done

    def dvc(self, *arguments: str, code: int | None = 0) -> str:
        """Run dvc; its output and its log together."""
        done = self.run(sys.executable, "-m", "dvc", *arguments, code=code)
        return done.stdout + done.stderr

    def stage(self, name: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the script of one stage, as dvc does."""
        return self.run(sys.executable, "-m", f"stages.{name}", code=code)

    def refused(self, name: str) -> str:
        """Run a stage that must fail: exit code 1, a sentence and no traceback, which it returns."""
        said = self.stage(name, code=1).stderr
        assert said.startswith(f"{name}: ") and "Traceback" not in said, said
        return said

    def git(self, *arguments: str) -> str:
        """Run git; its output."""
        return self.run("git", *arguments).stdout

    def commit(self) -> None:
        """Commit everything that git does not ignore."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "state")

    def json(self, path: str) -> Any:
        """The contents of a JSON file."""
        return json.loads((self.root / path).read_text(encoding="utf-8"))

    def digest(self, path: str) -> dict[str, str]:
        """A digest of each file below a path, but for DVC's own; {} where there is none."""
        top = self.root / path
        files = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        return {
            str(p.relative_to(self.root)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in files
            if p.name != ".gitignore"
        }

    def leftovers(self) -> list[str]:
        """Outputs in the making that somebody left behind."""
        found = self.root.rglob(".*.partial")
        return sorted(str(p.relative_to(self.root)) for p in found)

    def kill_repro(self, stage: str, victim: str, ready: Callable[[], bool]) -> str:
        """Start `dvc repro`, and kill -9 once the stage's process is there and `ready`.

        Args:
            victim: "worker" (one process of the stage's pool), "stage" (its process), "dvc" (that
                alone) or "group" (all of them).

        Returns what it had printed, once nothing of it is left; a stage that outlives dvc fails.
        """
        printed = self.root.parent / f"{self.root.name}.log"
        with open(printed, "w", encoding="utf-8") as log:
            dvc = subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro"],
                cwd=self.root,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                process = _wait_for_stage(dvc, stage, ready, printed)
                family = [process, *process.children(recursive=True)]
                if victim == "group":
                    os.killpg(dvc.pid, signal.SIGKILL)
                elif victim == "worker":
                    next(p for p in family if "--multiprocessing-fork" in p.cmdline()).kill()
                else:
                    (process if victim == "stage" else dvc).kill()
                assert dvc.wait(TIMEOUT) != 0, "dvc was done before it was killed"
                _, alive = psutil.wait_procs(family, timeout=20)
                assert not alive, f"still running after the kill: {alive}"
            finally:
                end(dvc)
        return printed.read_text(encoding="utf-8")


def _wait_for_stage(
    dvc: subprocess.Popen[bytes], stage: str, ready: Callable[[], bool], log: Path
) -> psutil.Process:
    """The process of a stage that a running `dvc repro` started, once it is `ready`."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        assert dvc.poll() is None, f"dvc ended before {stage}:\n{log.read_text(encoding='utf-8')}"
        for process in psutil.Process(dvc.pid).children(recursive=True):
            try:
                if f"stages.{stage}" in process.cmdline() and ready():
                    return process
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    raise AssertionError(f"{stage} was not reached:\n{log.read_text(encoding='utf-8')}")


def end(process: subprocess.Popen[Any]) -> tuple[Any, Any]:
    """Kill a process that leads a session, and all in it, if it runs; what its pipes still hold."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate(timeout=20)


def environment() -> dict[str, str]:
    """The environment with this Python first, and none of the user's settings of git and dvc."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "DVC", "PYTEST"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return kept | {
        "PATH": path,
        "DVC_NO_ANALYTICS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin on cores in use take several times as long
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
