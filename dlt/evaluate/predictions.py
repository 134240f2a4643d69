"""All predictions that an evaluation asks for: the model's, and what stands beside it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dlt.data.labelled import Labelled, load_labelled, true_labels
from dlt.evaluate.against import other_model
from dlt.evaluate.baselines import BASELINES, Baseline, LabelledSection
from dlt.evaluate.metrics import Pair
from dlt.evaluate.perturb import ABLATIONS, ROBUSTNESS, perturbed
from dlt.params import Evaluate
from dlt.predict import Predictor, predict_pairs
from dlt.section.example import Example

Examples = Callable[[], Iterable[tuple[Example, bytes]]]
Key = tuple[str, str]
"""A group (model, baselines, against, steps, robustness, ablations) and a name in it."""

Item = TypeVar("Item")

TEST, VAL = ("model", "test"), ("model", "val")
CHANGED = ("robustness", "ablations")  # groups of the model on changed inputs
AGAINST = ("against", "other_model")
STEPS = (1, 2, 4, 8)  # denoising steps tried
STEP_SECTIONS = 200  # at most so many, evenly spaced, are tried with other numbers of steps


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
    """Predictions by group and name; each group's are of the test sections but val and steps.

    Raises:
        DltError: an example is damaged, or `params.against` names no model.
    """
    size = params.batch_size
    found = {TEST: predict_pairs(predictor.model, test, predictor.steps, size)}
    if source.val:
        val = load_labelled(source.val(), predictor.params, "val")
        found[VAL] = predict_pairs(predictor.model, val, predictor.steps, size)
    if source.train:
        for name, baseline in _fit_baselines(source.train, params).items():
            found["baselines", name] = _baseline_pairs(baseline, test)
    if params.against:
        found[AGAINST] = _other_pairs(params.against, source.test, size)
    few = test[:: -(-len(test) // STEP_SECTIONS)]
    for steps in sorted({*STEPS, predictor.steps}):
        found["steps", str(steps)] = predict_pairs(predictor.model, few, steps, size)
    for group, changes, wanted in (
        ("robustness", ROBUSTNESS, params.robustness),
        ("ablations", ABLATIONS, params.ablations),
    ):
        for name, change in changes.items() if wanted else ():
            changed = load_labelled(perturbed(source.test(), change), predictor.params, name)
            found[group, name] = predict_pairs(predictor.model, changed, predictor.steps, size)
    return found


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


def _other_pairs(against: str, test: Examples, batch_size: int) -> list[Pair]:
    with other_model(against) as folder:
        other = Predictor.load(folder)
    sections = load_labelled(test(), other.params, "other model")
    return predict_pairs(other.model, sections, other.steps, batch_size)
