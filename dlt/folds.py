"""`python -m dlt.folds`: k-fold cross-validation, or leave-site-out, in DVC's queue.

Every fold is an experiment that splits, trains and evaluates with its own `split.fold`; the test
split is the same in all. What is gathered goes to metrics/folds.json.
"""

import argparse
import hashlib
import json
import math
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import dvc.api
from dvc.exceptions import DvcException

from dlt.errors import DltError
from dlt.evaluate.report import rounded
from dlt.files import write_json
from dlt.params import load_params
from dlt.paths import EVALUATION, RAW, VALIDATED
from dlt.process import run_main
from dlt.split import name_folds
from dlt.tune.checkout import POLL, only_one_here, positive, prepare_data
from dlt.tune.queue import DvcQueue
from dlt.tune.sweep import MOST_ATTEMPTS, Runner

FOLDS = Path("metrics/folds.json")
STAGES = ("split", "train", "evaluate")
SHOWN = ("layout_accuracy", "element_precision", "element_f1", "visual_similarity", "box_iou")


def main() -> None:
    """Train and evaluate every fold, then tell mean and standard deviation."""
    parser = argparse.ArgumentParser(prog="python -m dlt.folds", description=main.__doc__)
    parser.add_argument("--folds", type=_folds, help="a number or sites; split.folds, or 5")
    parser.add_argument("--jobs", type=positive, default=1, help="folds at a time")
    args = parser.parse_args()
    params = load_params()
    split = params.split.model_copy(update={"folds": args.folds or params.split.folds or 5})
    with only_one_here() as lock:
        prepare_data("validate")
        folds = name_folds(RAW, VALIDATED, split, params.seed)
        names = [f"folds-{_state(str(split.folds))}-{number:03d}" for number in range(len(folds))]
        print(f"{len(folds)} folds, {args.jobs} at a time: {names[0]} to {names[-1]}", flush=True)
        queue = DvcQueue({"split.folds": split.folds}, None, lock, STAGES)
        run_folds(queue, names, args.jobs, lambda: time.sleep(POLL))
    rows = [
        {"fold": fold, "experiment": name, **_measured(name)}
        for fold, name in zip(folds, names, strict=True)
    ]
    write_json(FOLDS, {"folds": split.folds, **aggregate(rows), "rows": rows})
    print(table(rows))


def run_folds(runner: Runner, names: Sequence[str], jobs: int, wait: Callable[[], None]) -> None:
    """Run an experiment for each fold until all are done; what is done already stays.

    Raises:
        DltError: experiments failed, or the queue lost one again and again.
    """
    attempts: Counter[str] = Counter()
    while True:
        outcomes = runner.outcomes(names)
        for number, name in enumerate(names):
            state = outcomes[name].state
            if state == "absent" or (state == "failed" and not attempts[name]):
                if attempts[name] == MOST_ATTEMPTS:
                    raise DltError(f"{name}: lost by the queue {MOST_ATTEMPTS} times")
                attempts[name] += 1
                runner.submit(number, name, {"split.fold": number})
            elif state == "failed":
                raise DltError(f"{name} failed: {outcomes[name].reason}")
        if all(outcomes[name].state == "done" for name in names):
            return
        runner.serve(jobs)
        wait()


def aggregate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By split and metric the mean and the standard deviation (n - 1) of the folds' values.

    A metric that is undefined in a fold is left out there; `count` tells in how many it is not.
    """
    found: dict[str, Any] = {}
    for split in ("val", "test"):
        found[split] = {}
        for metric in rows[0][split]:
            values = [row[split][metric] for row in rows if row[split][metric] is not None]
            found[split][metric] = {
                "mean": rounded(statistics.fmean(values)) if values else None,
                "sd": rounded(statistics.stdev(values)) if len(values) > 1 else None,
                "count": len(values),
            }
    return found


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each fold with its val metrics, then mean ± sd of val and of test."""
    width = max(len("val, mean ± sd"), *(len(row["fold"]) for row in rows))
    shown = [metric for metric in SHOWN if metric in rows[0]["val"]]
    lines = [f"{'val fold':{width}} sections " + " ".join(f"{metric:>17}" for metric in shown)]
    for row in rows:
        cells = " ".join(f"{_number(row['val'][metric]):>17}" for metric in shown)
        lines.append(f"{row['fold']:{width}} {row['sections']:8,} {cells}")
    for split, measured in aggregate(rows).items():
        cells = " ".join(
            f"{_number(measured[metric]['mean']) + ' ± ' + _number(measured[metric]['sd']):>17}"
            for metric in shown
        )
        lines.append(f"{split + ', mean ± sd':{width}} {'':8} {cells}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "null" if value is None or math.isnan(value) else f"{value:.3f}"


def _measured(name: str) -> dict[str, Any]:
    """What an experiment's evaluation measured on val and on test, by metric."""
    try:
        evaluation = json.loads(dvc.api.read(str(EVALUATION), rev=name))
    except (DvcException, OSError, ValueError) as error:
        raise DltError(f"{name}: {EVALUATION}: {error}") from None
    found: dict[str, Any] = {"sections": 0, "val": {}, "test": {}}
    for row in evaluation["rows"]:
        if row["column"] in ("val", "test"):
            found[row["column"]][row["metric"]] = row["value"]
        if (row["column"], row["metric"]) == ("val", "layout_accuracy"):
            found["sections"] = row["count"]
    return found


def _state(folds: str) -> str:
    """A digest of the checkout as queued experiments see it, so that none is taken for another."""
    digest = hashlib.sha256(folds.encode())
    for command in (("rev-parse", "HEAD"), ("diff", "HEAD", "--", ".", f":!{FOLDS}")):
        digest.update(subprocess.run(["git", *command], capture_output=True, check=True).stdout)
    return digest.hexdigest()[:8]


def _folds(text: str) -> int | Literal["sites"]:
    if text == "sites":
        return "sites"
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError("a number of at least 2, or sites")
    return int(text)


if __name__ == "__main__":
    run_main("folds", main)
