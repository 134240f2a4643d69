"""All predictions that an evaluation asks for: the model's, and what stands beside it."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from dlt.data.examples import in_parts
from dlt.data.labelled import Labelled, load_labelled, true_labels
from dlt.evaluate.against import other_model
from dlt.evaluate.baselines import (
    BASELINES,
    Baseline,
    LabelledSection,
    independent,
    without_boxes,
)
from dlt.evaluate.metrics import Pair
from dlt.evaluate.pairs import predict_pairs
from dlt.evaluate.perturb import ABLATIONS, ROBUSTNESS, perturbed
from dlt.params import Evaluate, ModelParams, Sample
from dlt.predict import AT_ONCE, Predictor
from dlt.section.example import Example

Examples = Callable[[], Iterable[tuple[Example, bytes]]]
Key = tuple[str, str]
"""A group (model, joint, baselines, against, steps, robustness, ablations) and a name in it."""

Item = TypeVar("Item")

TEST, VAL = ("model", "test"), ("model", "val")
CHANGED = ("robustness", "ablations")  # groups of the model on changed inputs
AGAINST = ("against", "other_model")
INDEPENDENT, UNSHARED = ("joint", "independent"), ("joint", "unshared")
STRUCTURE = ("baselines", "structure")
STEPS = (0, 1, 2, 4, 8, 16)  # denoising steps tried
SOME_SECTIONS = 200  # of the test split, for what takes many passes


@dataclass(frozen=True)
class Source:
    """What is evaluated, and on what; examples are read anew at every call."""

    model: Path
    test: Examples
    train: Examples | None = None  # for the baselines
    val: Examples | None = None
    log: Path | None = None  # the DVCLive folder of the training
    start: Path | None = None  # the model that training started from
    made_with: Mapping[str, Any] = field(default_factory=dict)  # parameters of the data
    folders: Path | None = None  # the dataset folder in which the examples lie, to link to them


def in_group(found: Mapping[Key, Item], group: str) -> dict[str, Item]:
    """What stands under a group, by name."""
    return {name: item for (its_group, name), item in found.items() if its_group == group}


def screenshots(examples: Examples, names: Collection[str]) -> dict[str, bytes]:
    """The PNG bytes of the named examples."""
    return {e.name: screenshot for e, screenshot in examples() if e.name in names}


def labelled_parts(
    examples: Iterable[tuple[Example, bytes]], params: ModelParams, title: str
) -> Iterator[list[Labelled]]:
    """The examples matched and encoded, at most AT_ONCE at a time: screenshots are large."""
    for part in in_parts(examples, AT_ONCE):
        yield load_labelled(part, params, title)


def predict_examples(
    predictor: Predictor, examples: Iterable[tuple[Example, bytes]], batch_size: int, title: str
) -> list[Pair]:
    """Predictions beside the truth, in the order of the examples, which are read as they come."""
    parts = labelled_parts(examples, predictor.params, title)
    return [pair for part in parts for pair in predict_pairs(predictor, part, batch_size)]


def predict_all(
    predictor: Predictor,
    test: Iterable[tuple[Example, bytes]],
    source: Source,
    params: Evaluate,
) -> dict[Key, list[Pair]]:
    """Predictions by group and name; all but val's are of the test sections.

    Raises:
        DltError: an example is damaged, or `params.against` names no model.
    """
    size = params.batch_size
    other = _load_other(params.against, predictor.sample) if params.against else None
    unshared = predictor.sample.model_copy(update={"site_share": 0.0})
    own = {
        TEST: predictor,
        UNSHARED: replace(predictor, sample=unshared),
        INDEPENDENT: replace(predictor, sample=Sample(steps=1, site_share=0), decoder=independent),
        STRUCTURE: structure_only(predictor),
    }
    found: dict[Key, list[Pair]] = {key: [] for key in own}
    for part in labelled_parts(test, predictor.params, "test"):
        for key, each in own.items():
            found[key] += predict_pairs(each, part, size)
    if source.val:
        found[VAL] = predict_examples(predictor, source.val(), size, "val")
    if source.train:
        for name, baseline in _fit_baselines(source.train, params).items():
            found["baselines", name] = _baseline_pairs(baseline, found[TEST])
    if other:
        found[AGAINST] = predict_examples(other, source.test(), size, "other model")
    for group, changes, wanted in (
        ("robustness", ROBUSTNESS, params.robustness),
        ("ablations", ABLATIONS, params.ablations),
    ):
        for name, change in changes.items() if wanted else ():
            changed = perturbed(source.test(), change)
            found[group, name] = predict_examples(predictor, changed, size, name)
    return found


def structure_only(predictor: Predictor) -> Predictor:
    """What the model proposes when the screenshot is hidden from it: labels without confidences."""
    return Predictor(
        predictor.model,
        predictor.params,
        Sample(steps=0, site_share=predictor.sample.site_share),
        decoder=without_boxes,
        hidden=frozenset({"image"}),
    )


def some(examples: Examples, count: int, params: ModelParams) -> Sequence[Labelled]:
    """At most SOME_SECTIONS of so many examples, evenly spaced."""
    step = -(-count // SOME_SECTIONS)
    return load_labelled(islice(examples(), 0, None, step), params, "some")


def try_steps(
    predictor: Predictor, sections: Sequence[Labelled], batch_size: int
) -> tuple[dict[Key, list[Pair]], list[dict[str, float]]]:
    """Predictions with other numbers of denoising steps, and the milliseconds that a section took."""
    found: dict[Key, list[Pair]] = {}
    times: list[dict[str, float]] = []
    for steps in sorted({*STEPS, predictor.sample.steps}):
        settings = predictor.sample.model_copy(update={"steps": steps})
        started = time.perf_counter()
        found["steps", str(steps)] = predict_pairs(
            replace(predictor, sample=settings), sections, batch_size
        )
        seconds = time.perf_counter() - started
        times.append({"steps": steps, "milliseconds": round(1000 * seconds / len(sections), 2)})
    return found, times


def _fit_baselines(train: Examples, params: Evaluate) -> dict[str, Baseline]:
    known: list[LabelledSection] = [(e.structure, true_labels(e)) for e, _ in train()]
    found = {name: baseline(known) for name, baseline in BASELINES.items()}
    if params.trained_baselines:
        # scikit-learn takes a second to import
        from dlt.evaluate.node_trees import ENSEMBLES, NodeTrees

        found |= {name: NodeTrees(known, make) for name, make in ENSEMBLES.items()}
    return found


def _baseline_pairs(baseline: Baseline, pairs: Sequence[Pair]) -> list[Pair]:
    return [
        replace(pair, predicted=baseline.predict(pair.structure), confidences=None)
        for pair in pairs
    ]


def _load_other(against: str, settings: Sample) -> Predictor:
    with other_model(against) as folder:
        return Predictor.load(folder, settings)
