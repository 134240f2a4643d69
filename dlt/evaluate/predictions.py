"""All predictions that an evaluation asks for: the model's, and what stands beside it."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from dlt.data.labelled import Labelled, load_labelled, true_labels
from dlt.evaluate.against import other_model
from dlt.evaluate.baselines import BASELINES, Baseline, LabelledSection, independent
from dlt.evaluate.metrics import Pair
from dlt.evaluate.perturb import ABLATIONS, ROBUSTNESS, perturbed
from dlt.evaluate.structure import StructureOnly
from dlt.params import Evaluate, Sample
from dlt.predict import Predictor, predict_pairs
from dlt.section.example import Example

Examples = Callable[[], Iterable[tuple[Example, bytes]]]
Key = tuple[str, str]
"""A group (model, joint, baselines, against, steps, robustness, ablations) and a name in it."""

Item = TypeVar("Item")

TEST, VAL = ("model", "test"), ("model", "val")
CHANGED = ("robustness", "ablations")  # groups of the model on changed inputs
AGAINST = ("against", "other_model")
INDEPENDENT = ("joint", "independent")
STRUCTURE = ("baselines", "structure")
STEPS = (1, 2, 4, 8, 16)  # denoising steps tried
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
    folders: Path | None = None  # the dataset folder in which the examples lie, to link to them


def in_group(found: Mapping[Key, Item], group: str) -> dict[str, Item]:
    """What stands under a group, by name."""
    return {name: item for (its_group, name), item in found.items() if its_group == group}


def screenshots(examples: Examples, names: Collection[str]) -> dict[str, bytes]:
    """The PNG bytes of the named examples."""
    return {e.name: screenshot for e, screenshot in examples() if e.name in names}


def predict_all(
    predictor: Predictor, test: Sequence[Labelled], source: Source, params: Evaluate
) -> dict[Key, list[Pair]]:
    """Predictions by group and name; all but val's are of the test sections.

    Raises:
        DltError: an example is damaged, or `params.against` names no model.
    """
    size = params.batch_size
    alone = replace(predictor, sample=Sample(steps=1), decoder=independent)
    proposal = StructureOnly(predictor.model, predictor.params)
    found = {
        TEST: predict_pairs(predictor, test, size),
        INDEPENDENT: predict_pairs(alone, test, size),
        STRUCTURE: predict_pairs(proposal, test, size),
    }
    if source.val:
        val = load_labelled(source.val(), predictor.params, "val")
        found[VAL] = predict_pairs(predictor, val, size)
    if source.train:
        for name, baseline in _fit_baselines(source.train, params).items():
            found["baselines", name] = _baseline_pairs(baseline, test)
    if params.against:
        found[AGAINST] = _other_pairs(params.against, source.test, predictor.sample, size)
    for group, changes, wanted in (
        ("robustness", ROBUSTNESS, params.robustness),
        ("ablations", ABLATIONS, params.ablations),
    ):
        for name, change in changes.items() if wanted else ():
            changed = load_labelled(perturbed(source.test(), change), predictor.params, name)
            found[group, name] = predict_pairs(predictor, changed, size)
    return found


def some(sections: Sequence[Labelled]) -> Sequence[Labelled]:
    """At most SOME_SECTIONS of them, evenly spaced."""
    return sections[:: -(-len(sections) // SOME_SECTIONS)]


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
        from dlt.evaluate.node_trees import NodeTrees

        found["extra_trees"] = NodeTrees(known)
    return found


def _baseline_pairs(baseline: Baseline, sections: Sequence[Labelled]) -> list[Pair]:
    return [
        Pair(s.encoded.name, s.site, s.structure, s.truth, baseline.predict(s.structure))
        for s in sections
    ]


def _other_pairs(against: str, test: Examples, settings: Sample, batch_size: int) -> list[Pair]:
    with other_model(against) as folder:
        other = Predictor.load(folder, settings)
    sections = load_labelled(test(), other.params, "other model")
    return predict_pairs(other, sections, batch_size)
