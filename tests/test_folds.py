"""Folds: no site in two of them, test apart, run in DVC's queue and told as mean ± sd."""

import math
import statistics
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.data.examples import read_examples
from dlt.division import Item, divide, make_folds, take_fold
from dlt.errors import DltError
from dlt.folds import aggregate, run_folds, table
from dlt.params import Split, load_params
from dlt.split import name_folds, split
from dlt.tune.sweep import Outcome
from tests.test_split import RATIOS, flat_items, given_items, make_dataset
from tests.test_split import png as screenshot
from tests.test_tune_queue import new_checkout


@given(st.one_of(flat_items, given_items), st.integers(2, 6), st.integers(0, 3))
def test_each_is_val_once_and_no_group_is_in_two_folds(
    items: list[Item], count: int, seed: int
) -> None:
    try:
        division = divide(items, RATIOS, seed)
        parts = make_folds(division, count, seed)
    except DltError:
        return
    pool = [*division.splits["train"], *division.splits["val"]]
    assert sorted((i for part in parts for i in part), key=str) == sorted(pool, key=str)
    assert len(parts) == count and all(parts)
    for field in ("group", "digest"):
        homes = {(getattr(item, field), n) for n, part in enumerate(parts) for item in part}
        assert max(Counter(value for value, _ in homes).values()) == 1
    for number, part in enumerate(parts):
        taken = take_fold(division, count, number, seed).splits
        assert set(taken["val"]) == set(part) and taken["test"] == division.splits["test"]
        assert set(taken["train"]) == set(pool) - set(part)


def test_folds_are_of_about_the_same_size() -> None:
    items = [Item(str(i), "flat", str(i % 20), str(i)) for i in range(200)]
    division = divide(items, RATIOS, 0)
    sizes = [len(part) for part in make_folds(division, 5, 0)]
    assert max(sizes) - min(sizes) <= 10  # a site's


def test_every_site_is_val_once_and_sections_of_none_are_always_in_train() -> None:
    items = [Item(f"{i}", "train", f"s{i % 3}", f"{i}") for i in range(9)]
    items += [Item("v", "val", "s3", "v"), Item("own", "val", "example:own", "own")]
    items += [Item("t", "test", "t", "t")]
    division = divide(items, RATIOS, 0)
    parts = [take_fold(division, "sites", n, 0).splits for n in range(4)]
    assert [{item.group for item in part["val"]} for part in parts] == [
        {"s0"},
        {"s1"},
        {"s2"},
        {"s3"},
    ]
    assert all(items[-2] in part["train"] for part in parts)
    with pytest.raises(DltError, match=r"split\.fold: 4, but there are folds 0 to 3 only"):
        take_fold(division, "sites", 4, 0)


def test_too_many_folds_are_one_line(tmp_path: Path) -> None:
    make_dataset(tmp_path, [(f"e{i}", f"s{i}", str(i)) for i in range(5)])
    with pytest.raises(DltError, match=r"split\.folds: 9, but train and val have 4 groups"):
        name_folds(tmp_path / "raw", tmp_path / "validated", Split(ratios=RATIOS, folds=9), 0)


def test_given_train_and_val_may_share_names(tmp_path: Path) -> None:
    rows = [("train/a", "s1", "1"), ("train/b", "s2", "2"), ("val/a", "s1", "3")]
    make_dataset(tmp_path, [*rows, ("val/c", "s3", "4"), ("test/a", "s4", "5")])
    own = Split(ratios=RATIOS, folds="sites", fold=0)
    names = name_folds(tmp_path / "raw", tmp_path / "validated", own, 0)
    assert names == ["s1", "s2", "s3"]
    folders = (tmp_path / name for name in ("raw", "validated", "splits", "processed"))
    params = load_params().model_copy(update={"split": own, "seed": 0})
    summary = split(*folders, params=params)
    assert (summary["folds"], summary["fold"]) == ("sites", 0)
    packed = {
        name: [(e.name, png) for e, png in read_examples(tmp_path / "processed" / name)]
        for name in ("train", "val", "test")
    }
    assert packed["val"] == [("train-a", screenshot("train/a")), ("val-a", screenshot("val/a"))]
    assert packed["train"] == [("b", screenshot("train/b")), ("c", screenshot("val/c"))]
    assert packed["test"] == [("a", screenshot("test/a"))]


class Queue:
    """A queue whose experiments end as told, one state a look."""

    def __init__(self, **states: list[str]) -> None:
        self.states = states
        self.submitted: list[tuple[str, Any]] = []

    def submit(self, number: int, name: str, values: Mapping[str, Any]) -> None:
        """Note it."""
        self.submitted.append((name, values["split.fold"]))

    def outcomes(self, names: Collection[str]) -> dict[str, Outcome]:
        """The next state of each."""
        told = {
            n: self.states[n].pop(0) if len(self.states[n]) > 1 else self.states[n][0]
            for n in names
        }
        return {name: Outcome(state, reason="why") for name, state in told.items()}  # type: ignore[arg-type]

    def tidy(self, name: str) -> None:
        """Nothing to tidy."""

    def serve(self, jobs: int) -> None:
        """Nobody to start."""


def test_lost_folds_run_again_done_ones_stay_and_old_failures_get_another_chance() -> None:
    queue = Queue(
        a=["done"], b=["absent", "open", "absent", "done"], c=["failed", "open", "open", "done"]
    )
    run_folds(queue, ["a", "b", "c"], 1, lambda: None)
    assert queue.submitted == [("b", 1), ("c", 2), ("b", 1)]
    with pytest.raises(DltError, match="a failed: why"):
        run_folds(Queue(a=["absent", "failed"]), ["a"], 1, lambda: None)
    with pytest.raises(DltError, match="a: lost by the queue 3 times"):
        run_folds(Queue(a=["absent"]), ["a"], 1, lambda: None)


def test_mean_and_sd_leave_undefined_values_out() -> None:
    values: list[float | None] = [0.5, 0.7, None]
    rows = [
        {
            "fold": str(n),
            "sections": 4,
            "val": {"layout_accuracy": v},
            "test": {"layout_accuracy": 0.5},
        }
        for n, v in enumerate(values)
    ]
    found = aggregate(rows)["val"]["layout_accuracy"]
    assert found["count"] == 2 and math.isclose(found["mean"], 0.6)
    assert math.isclose(found["sd"], statistics.stdev([0.5, 0.7]), abs_tol=1e-6)
    lines = table(rows).splitlines()
    assert "null" in lines[3] and "0.600 ± 0.141" in lines[4] and "0.500 ± 0.000" in lines[5]


@pytest.mark.slow
def test_folds_of_an_archive_in_the_real_queue(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "repo", stand_in=False)
    (checkout.root / "data" / "raw").rename(tmp_path / "set")
    checkout.set(**{"ingest.source": "archive", "ingest.archive.path": "../set"})
    test = checkout.root / "data" / "splits" / "test.txt"
    before = test.read_text()
    command = [sys.executable, "-m", "dlt.folds", "--folds", "2", "--jobs", "2"]
    said = checkout.run(*command).stdout
    assert "2 folds, 2 at a time" in said and "val, mean ± sd" in said
    told = checkout.json("metrics/folds.json")
    assert told["folds"] == 2 and len(told["rows"]) == 2
    assert told["val"]["layout_accuracy"]["count"] == 2
    assert sum(row["sections"] for row in told["rows"]) == 24 - len(before.split())
    assert test.read_text() == before
    again = checkout.run(*command).stdout  # nothing runs anew
    assert again.splitlines()[-5:] == said.splitlines()[-5:]
