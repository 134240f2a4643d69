"""The evaluate stage: the model and the baselines on a test split, in numbers and pictures.

Nothing else in the project reads the test split.
"""

import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dlt.data.labelled import Labelled, load_labelled
from dlt.data.shards import read_shards
from dlt.errors import DltError
from dlt.evaluate.baselines import BASELINES
from dlt.evaluate.gallery import write_gallery
from dlt.evaluate.metrics import Measure, Pair, confusion_counts, evaluate_pairs
from dlt.evaluate.plots import draw_confusion, draw_headlines, write_confusion_rows
from dlt.evaluate.report import assemble, evaluation_table
from dlt.files import write_json
from dlt.params import Evaluate
from dlt.predict import Predictor, predict_pairs
from dlt.process import cores
from dlt.readiness import check_readiness, read_requirements
from dlt.section.example import Example

Examples = Callable[[], Iterable[tuple[Example, bytes]]]

TIMED = 50  # sections that the speed is measured on
_WARM_UP = 3


def evaluate(
    model: Path,
    processed: Path,
    metrics: tuple[Path, Path],
    plots: Path,
    requirements: Path,
    params: Evaluate,
) -> None:
    """Measure the model and the baselines on `processed`/test, beside the model on val.

    Args:
        metrics: the files to write: accuracy, which repeats exactly, and performance, which does
            not.
        plots: gets `confusion.csv`, `confusion.png`, `headlines.png` and `visualizations/`.
    """
    predictor = _load(model)
    train, val = (
        load_labelled(read_shards(processed / split), predictor.params, split)
        for split in ("train", "val")
    )
    known = [(section.structure, section.truth) for section in train]
    predict = {name: baseline(known).predict for name, baseline in BASELINES.items()}
    on_val = evaluate_pairs(predict_pairs(predictor.model, val, predictor.steps))
    measure(
        predictor,
        lambda: read_shards(processed / "test"),
        metrics,
        plots,
        requirements,
        params,
        on_val=on_val,
        baselines=predict,
    )


def measure(
    predictor: Predictor,
    examples: Examples,
    metrics: tuple[Path, Path],
    plots: Path,
    requirements: Path,
    params: Evaluate,
    *,
    on_val: Mapping[str, Measure] | None = None,
    baselines: Mapping[str, Callable] | None = None,
) -> None:
    """Measure a model on any labelled examples, which are read anew at every call of `examples`."""
    test = load_labelled(examples(), predictor.params, "test")
    if not test:
        raise DltError("no examples to evaluate on")
    pairs = predict_pairs(predictor.model, test, predictor.steps)
    others = {
        name: evaluate_pairs(_baseline_pairs(predict, test))
        for name, predict in (baselines or {}).items()
    }
    evaluation = assemble(evaluate_pairs(pairs), on_val, others)
    performance = measure_performance(predictor, examples())
    write_json(metrics[0], evaluation)
    write_json(metrics[1], performance)
    _draw(plots, pairs, evaluation, examples, requirements, params.gallery)
    readiness = check_readiness(evaluation, performance, requirements)
    print(evaluation_table(evaluation, performance, readiness))


def measure_performance(
    predictor: Predictor, examples: Iterable[tuple[Example, bytes]]
) -> dict[str, Any]:
    """Seconds a sample at batch 1, screenshot decoding included; peak memory; where it ran."""
    seconds = []
    for (example, screenshot), _ in zip(examples, range(TIMED + _WARM_UP), strict=False):
        started = time.perf_counter()
        predictor.predict(example.structure, screenshot)
        seconds.append(time.perf_counter() - started)
    timed = seconds[_WARM_UP:] or seconds
    return {
        "seconds_per_sample": round(float(np.median(timed)), 4),
        "seconds_per_sample_p95": round(float(np.percentile(timed, 95)), 4),
        "memory_gb": round(_peak_memory() / 2**30, 3),
        "hardware": _hardware(),
        "torch": torch.__version__,
        "revision": _revision(),
    }


def _load(model: Path) -> Predictor:
    torch.set_num_threads(cores())
    return Predictor.load(model)


def _baseline_pairs(predict: Callable, sections: Sequence[Labelled]) -> list[Pair]:
    return [
        Pair(s.encoded.name, s.site, s.structure, s.truth, predict(s.structure)) for s in sections
    ]


def _draw(
    plots: Path,
    pairs: Sequence[Pair],
    evaluation: Mapping[str, Any],
    examples: Examples,
    requirements: Path,
    each: int,
) -> None:
    def screenshots(names: Collection[str]) -> dict[str, bytes]:
        return {e.name: screenshot for e, screenshot in examples() if e.name in names}

    write_confusion_rows(plots / "confusion.csv", pairs)
    draw_confusion(plots / "confusion.png", confusion_counts(pairs))
    bounds = {r.name: r.bound for r in read_requirements(requirements) if r.comparison == ">"}
    draw_headlines(plots / "headlines.png", evaluation, bounds)
    write_gallery(plots / "visualizations", pairs, screenshots, each)


def _peak_memory() -> float:
    """Bytes, on the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _hardware() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
