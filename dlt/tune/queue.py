"""DVC's queue as the runner of a sweep, and what must be done about its troubles.

docs/sweeps.md says which troubles were seen. What a worker really does is read from the process
table: the answers of `dvc queue status` come late or not at all.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dvc.api
import psutil
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.experiments.executor.base import ExecutorInfo
from dvc.repo.experiments.queue.base import QueueEntry
from dvc.repo.experiments.queue.celery import LocalCeleryQueue
from dvc.repo.experiments.queue.remove import remove_tasks

from dlt.errors import DltError
from dlt.files import write_json
from dlt.tune.places import trial_path
from dlt.tune.sweep import Outcome

VALUE = "val.best_layout_accuracy"  # of metrics/train/summary.json: that of the model kept
WATCHED = ("train.loss", "val.loss", VALUE)  # not finite: diverged
SILENT = 300.0  # seconds that a worker may take to set up or to collect an experiment
UNREADABLE = 50  # times in a row that `exp_show` may raise
TRIES = 5  # of a command that finds DVC's lock taken

ABSENT = Outcome("absent")

Row = Mapping[str, Any]


@dataclass
class DvcQueue:
    """Runs experiments of some stages in the queue of the checkout in the current folder."""

    fixed: Mapping[str, Any]  # parameters that all experiments share, such as train.phase
    study: Mapping[str, Any] | None  # what training must know to ask its study; None: nothing
    lock: int  # a file descriptor that commands inherit, so that they hold the checkout's lock
    stages: Sequence[str] = ("train",)
    _silent_since: dict[str, float] = field(default_factory=dict)
    _unreadable: int = 0

    def submit(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        """Put an experiment into the queue, after anything of the same name is out of it.

        Raises:
            DltError: DVC refuses.
        """
        if self.study is not None:
            write_json(trial_path(name), {**self.study, "number": number})
        with Repo() as repo:
            queue = repo.experiments.celery_queue
            ended = [*queue.iter_queued(), *(result.entry for result in queue.iter_done())]
            remove_tasks(queue, [entry for entry in ended if entry.name == name])
        sets = [f"--set-param={key}={value}" for key, value in {**self.fixed, **values}.items()]
        self._dvc("exp", "run", "--queue", "--single-item", "--name", name, *sets, *self.stages)

    def outcomes(self, names: Collection[str]) -> dict[str, Outcome]:
        """What the queue says, and for finished experiments `dvc.api.exp_show`.

        Experiments whose worker is gone count as absent.
        """
        with Repo() as repo:
            queue = repo.experiments.celery_queue
            # in the order in which an entry moves on, so that none is overlooked
            waiting = {entry.name for entry in queue.iter_queued()}
            active = [entry for entry in queue.iter_active() if entry.name in names]
            lost = [entry for entry in active if self._is_lost(queue, entry)]
            _drop_lost(queue, lost)
            running = {entry.name for entry in active if entry not in lost}
            done = {name: rev for name, rev in _baselines(repo) if name in names}
            failed = _failed(queue, names, self.stages[0])
        found: dict[str, Outcome] = {name: Outcome("open") for name in waiting | running}
        results = self._results(done)
        return {n: results.get(n) or found.get(n) or failed.get(n, ABSENT) for n in names}

    def _results(self, done: Mapping[str, str]) -> dict[str, Outcome]:
        """The results of experiments, given as the commit that each started from, by name."""
        if not done:
            return {}
        try:
            rows = dvc.api.exp_show(revs=sorted(set(done.values())))
        except (
            DvcException,
            OSError,
        ) as error:  # workers make and remove the folders it looks into
            self._unreadable += 1
            if self._unreadable > UNREADABLE:
                raise DltError(f"dvc exp show: {error}; see dvc queue status") from None
            return {name: Outcome("open") for name in done}
        self._unreadable = 0
        finished = [row for row in rows if row["State"] in (None, "Success")]
        return {row["Experiment"]: _result(row) for row in finished if row["Experiment"] in done}

    def tidy(self, name: str) -> None:
        """Forget what only a running trial needs."""
        trial_path(name).unlink(missing_ok=True)

    def serve(self, jobs: int) -> None:
        """Start workers that are missing: they end after 10 idle seconds, or die."""
        with Repo() as repo:
            prefix = _node_prefix(repo.experiments.celery_queue)
        if len(_workers(prefix)) < jobs:
            self._dvc("queue", "start", "--jobs", str(jobs), detached=True)

    def _is_lost(self, queue: LocalCeleryQueue, entry: QueueEntry) -> bool:
        """Whether no living worker runs this entry, though the queue says that it runs."""
        workers = _workers(_node_prefix(queue))
        executor = _executor(entry)
        if executor is None:
            since = self._silent_since.setdefault(entry.stash_rev, time.monotonic())
            return not workers or time.monotonic() - since > SILENT
        self._silent_since.pop(entry.stash_rev, None)
        try:
            if workers & {parent.pid for parent in executor.parents()}:
                return False
            for process in (*executor.children(recursive=True), executor):
                process.kill()  # nobody would collect its result
        except psutil.NoSuchProcess:
            return False  # it ended just now: look again
        return True

    def _dvc(self, *arguments: str, detached: bool = False) -> None:
        """Run dvc out of reach of a Ctrl-C, which would leave the work tree stashed away."""
        said = ""
        for attempt in range(TRIES):
            with tempfile.TemporaryFile("w+") as errors:  # workers would keep a pipe open
                done = subprocess.run(
                    [sys.executable, "-m", "dvc", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    check=False,
                    start_new_session=True,
                    pass_fds=() if detached else (self.lock,),
                )
                if done.returncode == 0:
                    return
                errors.seek(0)
                said = errors.read()
            if "lock" not in said:
                break
            time.sleep(2**attempt)
        errors_told = [line for line in said.splitlines() if line.startswith("ERROR: ")]
        reason = (errors_told or ["no message"])[0].removeprefix("ERROR: ")
        raise DltError(f"dvc {' '.join(arguments[:2])}: {reason}")


def _result(row: Row) -> Outcome:
    metrics = {name: _cell(row, name) for name in WATCHED}
    return Outcome("done", metrics[VALUE], metrics=metrics)


def _cell(row: Row, name: str) -> float | None:
    """A metric; DVC puts the file before its name where several files have one of this name."""
    value = next((row[key] for key in row if key == name or key.endswith(f".json:{name}")), None)
    return None if value is None else float(value)


def _baselines(repo: Repo) -> Iterator[tuple[str, str]]:
    """The name of each finished experiment, and the commit that it started from."""
    for ref in repo.scm.iter_refs(base="refs/exps/"):
        parts = ref.split("/")
        if len(parts) == 5:
            yield parts[4], parts[2] + parts[3]


def _failed(queue: LocalCeleryQueue, names: Collection[str], first: str) -> dict[str, Outcome]:
    """Experiments whose stage failed; DVC's own races fail before the first, and don't count."""
    failed = [entry for entry, _ in queue.iter_failed() if entry.name in names]
    return {
        entry.name: Outcome("failed", reason=f"dvc queue logs {entry.name}")
        for entry in failed
        if entry.name and _stage_ran(queue, entry, first)
    }


def _stage_ran(queue: LocalCeleryQueue, entry: QueueEntry, stage: str) -> bool:
    info = queue.proc.get(entry.stash_rev)
    log = Path(info.stdout) if info and info.stdout else None
    return bool(log and log.is_file() and f"'{stage}'" in log.read_text(errors="replace"))


def _drop_lost(queue: LocalCeleryQueue, lost: Collection[QueueEntry]) -> None:
    """Take entries that nobody runs out of the queue, and what is left of them off the disk.

    DVC's own `remove_tasks` wants them to have a result, and its `kill` would signal a process id
    that may be another's by now.
    """
    for message, entry in queue._iter_processed():
        if entry in lost:
            queue.celery.purge(message.delivery_tag)
    stashed = queue.stash.stash_revs
    queue.stash.remove_revs([stashed[e.stash_rev] for e in lost if e.stash_rev in stashed])
    for entry in lost:
        info = Path(queue.get_infofile_path(entry.stash_rev))
        if not info.is_file():
            continue
        folder = Path(ExecutorInfo.load_json(str(info)).root_dir)
        if folder.parent == Path(queue.wdir).parent:  # .dvc/tmp/exps
            shutil.rmtree(folder, ignore_errors=True)


def _node_prefix(queue: LocalCeleryQueue) -> str:
    """What the names of this checkout's workers begin with, as in `LocalCeleryQueue`."""
    return f"dvc-exp-{hashlib.sha256(queue.wdir.encode()).hexdigest()[:6]}-"


def _workers(prefix: str) -> set[int]:
    """The process ids of the living workers."""
    return {
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if "queue-worker" in (line := process.info["cmdline"] or [])
        and any(word.startswith(prefix) for word in line)
    }


def _executor(entry: QueueEntry) -> psutil.Process | None:
    """The process that runs an experiment: a child of its worker."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "exec-run" in line and any(entry.stash_rev in word for word in line):
            return process
    return None
