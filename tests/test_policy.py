"""How a training goes: the rate of a step, the stages of a curriculum, the best epoch, its end."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR

from dlt.data.labelled import Labelled
from dlt.errors import DltError
from dlt.model.layout_model import LayoutModel
from dlt.params import Curriculum, EarlyStopping, TrainParams, load_params
from dlt.train.curriculum import (
    admitted,
    beginning,
    difficulties,
    difficulty,
    mean_count,
    stage_metric,
    stage_number,
)
from dlt.train.hardware import settle
from dlt.train.plan import epoch_examples
from dlt.train.rate import learning_rate, scaled
from dlt.train.run import new_run
from dlt.train.stopping import check_metric, is_finished, keep_best
from tests.test_model import TINY, sections
from tests.test_params import written
from tests.test_train import ALONE

BASE: TrainParams = settle(load_params().phases.phase1.train, ALONE)
STAGES = (
    {"share": 0.3, "at_most": 6, "lr_factor": 0.5},
    {"share": 0.4, "at_most": 12},
    {"share": 0.3},
)


def params(**changes: Any) -> TrainParams:
    return TrainParams.model_validate({**BASE.model_dump(), **changes})


def rates(total: int, **changes: Any) -> list[float]:
    return [learning_rate(step, total, params(**changes)) for step in range(total)]


# --- rate -----------------------------------------------------------------------------------------


def of_torch(kind: type[LRScheduler], total: int, **options: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = kind(optimizer, **options)
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("total", [10, 97, 100])
def test_one_cycle_is_that_of_torch(total: int) -> None:
    theirs = of_torch(OneCycleLR, total - 1, max_lr=1.0, total_steps=total)
    ours = rates(total, lr=1.0, schedule="one_cycle")
    assert ours[:-1] == pytest.approx(theirs)
    assert ours[-1] == pytest.approx(1 / 25 / 1e4)


def test_cosine_and_linear_are_those_of_torch() -> None:
    cosine = of_torch(CosineAnnealingLR, 100, T_max=100, eta_min=0.01)
    assert rates(100, lr=1.0, schedule="cosine", warmup_steps=0) == pytest.approx(cosine)
    linear = of_torch(LinearLR, 100, start_factor=1.0, end_factor=0.01, total_iters=100)
    assert rates(100, lr=1.0, schedule="linear", warmup_steps=0) == pytest.approx(linear)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_all_warm_up_to_the_peak_and_never_rise_again(schedule: str) -> None:
    found = rates(100, lr=2.0, schedule=schedule, warmup_steps=10)
    assert found[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert all(a >= b for a, b in pairwise(found[10:]))
    if schedule == "constant":
        assert set(found[10:]) == {2.0}
    else:
        last = learning_rate(100, 100, params(lr=2.0, schedule=schedule, warmup_steps=10))
        assert last == pytest.approx(0.02)


def test_the_rate_grows_with_the_batch_only_if_asked() -> None:
    assert scaled(params(scale_lr=True), 16, 64).lr == pytest.approx(4 * BASE.lr)
    assert scaled(params(scale_lr=False), 16, 64).lr == BASE.lr


# --- curriculum -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def examples() -> list[Labelled]:
    """Synthetic sections, of few and of many elements."""
    return sections(20)


def curriculum(**changes: Any) -> Curriculum:
    given = {"enabled": True, "metric": "element_count", "stages": STAGES, **changes}
    return Curriculum.model_validate(given)


def test_each_stage_sees_only_what_it_may(examples: list[Labelled]) -> None:
    chosen = params(epochs=10, augmentation_factor=2, curriculum=curriculum().model_dump())
    counts = {s.encoded.name: difficulty(s, "element_count") for s in examples}
    names = [s.encoded.name for s in examples]
    found = difficulties(examples, chosen.curriculum)
    seen = [
        {counts[names[n // 2]] for n in epoch_examples(found, chosen, epoch)} for epoch in range(10)
    ]
    assert max(counts.values()) > 12 and min(counts.values()) <= 6
    wanted = [{c for c in counts.values() if c <= most} for most in (6, 12, math.inf)]
    assert seen == [wanted[0]] * 3 + [wanted[1]] * 4 + [wanted[2]] * 3
    assert len(epoch_examples(found, chosen, 9)) == 2 * len(examples)
    off = params(epochs=10, augmentation_factor=0)
    assert list(epoch_examples(found, off, 0)) == list(range(len(examples)))


@pytest.mark.parametrize("metric", ["element_count", "node_count", "depth"])
def test_difficulty_is_what_its_name_says(metric: str, examples: list[Labelled]) -> None:
    section = examples[0]
    nodes = section.structure.nodes

    def level(i: int) -> int:
        return 1 if nodes[i].parent < 0 else 1 + level(nodes[i].parent)

    wanted = {
        "element_count": sum(role not in ("merge", "drop") for role in section.truth.roles),
        "node_count": len(nodes),
        "depth": max(level(i) for i in range(len(nodes))),
    }
    assert difficulty(section, metric) == wanted[metric]
    hardest = max(difficulty(s, metric) for s in examples)
    limited = curriculum(metric=metric, stages=[{"share": 1.0, "at_most": hardest - 1}])
    assert 0 < len(admitted(difficulties(examples, limited), 0.5, limited)) < len(examples)


def test_a_stage_has_a_rate_of_its_own_and_says_when_it_begins() -> None:
    chosen = params(
        epochs=10, schedule="constant", warmup_steps=0, curriculum=curriculum().model_dump()
    )
    found = [learning_rate(7, 100, chosen, epoch) / chosen.lr for epoch in range(10)]
    assert found == [0.5] * 3 + [1.0] * 7
    lines = [beginning(epoch, epoch + 1, chosen) for epoch in range(10)]
    assert [line for line in lines if line] == [
        "curriculum: stage 1 of 3 begins in epoch 1: 1 examples, element_count of at most 6",
        "curriculum: stage 2 of 3 begins in epoch 4: 4 examples, element_count of at most 12",
        "curriculum: stage 3 of 3 begins in epoch 8: 8 examples, all",
    ]
    assert [stage_metric(epoch, chosen)["curriculum_stage"] for epoch in (0, 3, 9)] == [1, 2, 3]


def test_shares_hold_for_any_number_of_epochs() -> None:
    for epochs in range(10, 101, 10):
        stages = [stage_number(epoch / epochs, curriculum()) for epoch in range(epochs)]
        assert [stages.count(n) * 10 / epochs for n in range(3)] == [3, 4, 3]


def test_epochs_are_counted_by_what_they_have_and_an_empty_stage_is_an_error(
    examples: list[Labelled],
) -> None:
    found = difficulties(examples, curriculum())
    few = len(admitted(found, 0.0, curriculum()))
    assert few < mean_count(found, curriculum()) < len(examples)
    assert mean_count(found, BASE.curriculum) == len(examples)
    stages = [{"share": 0.5, "at_most": 1}, {"share": 0.5}]
    with pytest.raises(DltError, match="element_count of at most 1, as stage 1 of 2 wants"):
        mean_count([own for own in found if own > 1], curriculum(stages=stages))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"stages": [{"share": 0.5}]}, "add up to 1"),
        ({"stages": [{"share": 0.5}, {"share": 0.5, "at_most": 5}]}, "must not fall"),
        ({"metric": "weight"}, "metric"),
    ],
)
def test_a_wrong_curriculum_is_one_line(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    path = written(tmp_path, train__curriculum=changes)
    with pytest.raises(DltError, match=named) as caught:
        load_params(path)
    assert "curriculum" in str(caught.value) and "\n" not in str(caught.value)


# --- the best epoch and the end -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "values", "best"),
    [
        ({"metric": "val/loss"}, [3.0, 2.0, 2.5, 1.9], 4),
        ({"metric": "val/loss", "min_delta": 0.2}, [3.0, 2.0, 2.5, 1.9], 2),
        ({"metric": "val/loss", "mode": "max"}, [3.0, 2.0, 2.5, 1.9], 1),
        ({}, [0.0, 0.0, 0.0, 0.0], 1),
        ({}, [0.1, 0.5, 0.4, math.nan], 2),
        ({"metric": "val/loss"}, [math.nan, 2.0, math.inf, 3.0], 2),
        ({"metric": "val/visual_similarity"}, [0.5, 0.7, 0.6, 0.7], 2),
        ({"metric": "samples_per_second"}, [50.0, 60.0, 70.0, 70.0], 3),
    ],
)
def test_the_best_epoch_follows_the_rule(
    rule: dict[str, Any], values: list[float], best: int
) -> None:
    chosen = EarlyStopping.model_validate({**BASE.early_stopping.model_dump(), **rule})
    run = new_run(LayoutModel(TINY), BASE, ALONE)
    kept: list[bool] = []
    for value in values:
        run.epoch += 1
        weights = {"weight": torch.tensor(float(run.epoch))}
        kept.append(keep_best(run, {chosen.metric: value}, weights, chosen))
    assert run.best_weights["weight"] == best and kept[best - 1] and not any(kept[best:])
    assert run.best_epoch == best


def test_a_metric_of_boxes_wants_boxes() -> None:
    boxed = sections(2)
    bare = [replace(s, truth=replace(s.truth, boxes=None)) for s in boxed]
    for metric in ("val/visual_similarity", "train/box_loss"):
        check_metric(metric, boxed)
        with pytest.raises(DltError, match=f"metric: {metric} wants boxes, and val has none"):
            check_metric(metric, bare)
    check_metric("val/layout_accuracy", bare)


@pytest.mark.parametrize("best", [0, 9])
def test_patience_counts_evaluations_after_the_proposal(best: int) -> None:
    patience = {**BASE.early_stopping.model_dump(), "patience": 2}
    chosen = params(proposal_epochs=6, epochs=50, eval_every=3, early_stopping=patience)
    run = new_run(LayoutModel(TINY), BASE, ALONE)
    run.best_epoch, run.epoch = best, max(best, 6) + 5
    assert not is_finished(run, chosen)
    run.epoch += 1
    assert is_finished(run, chosen)


def test_a_metric_that_is_not_logged_is_named_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(DltError, match=r"early_stopping\.metric: .*'val/loss'.*given 'val/f1'"):
        load_params(written(tmp_path, train__early_stopping={"metric": "val/f1"}))
    found = load_params(written(tmp_path, train__early_stopping={"metric": "val/loss"}))
    rule = found.resolve("phase2").train.early_stopping
    assert (rule.metric, rule.sign, rule.patience) == ("val/loss", -1, 10)
