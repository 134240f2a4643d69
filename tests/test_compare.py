"""Comparisons, breakdowns, calibration and the tables for DVC's plots, against hand-made cases."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlt.errors import DltError
from dlt.evaluate.bootstrap import bootstrap_difference, bootstrap_ratio
from dlt.evaluate.breakdown import breakdowns, by_role
from dlt.evaluate.calibration import auroc, calibration
from dlt.evaluate.compare import COMPARED, compare, score_all
from dlt.evaluate.curves import read_curve, training_charts
from dlt.evaluate.errors import section_errors
from dlt.evaluate.metrics import Pair, section_score
from dlt.evaluate.tables import COLUMNS, write_errors, write_tables
from dlt.section.labels import Labels
from dlt.section.tree import Node, Structure

STRUCTURE = Structure((Node("section", -1), Node("h2", 0), Node("p", 0)))
NO_PROPS = ("none",) * 3
TRUTH = Labels(("section", "heading", "paragraph"), NO_PROPS)
HALF = Labels(("section", "heading", "list"), NO_PROPS)
POOR = Labels(("section", "merge", "drop"), NO_PROPS)


def pair(name: str, site: str, predicted: Labels) -> Pair:
    return Pair(name, site, STRUCTURE, TRUTH, predicted)


def sections(predicted: Labels) -> list[Pair]:
    return [pair(f"{site}{i}", site, predicted) for site in "abc" for i in range(2)]


def test_a_better_model_is_better_with_certainty() -> None:
    scores = score_all({"ours": sections(TRUTH), "theirs": sections(HALF)})
    rows = compare(scores["ours"], {"theirs": scores["theirs"]})
    assert [row["metric"] for row in rows] == list(COMPARED)
    accuracy = rows[0]
    assert accuracy["difference"] == pytest.approx(1 / 3, abs=1e-6)
    assert accuracy["low"] == accuracy["high"] == accuracy["difference"]
    assert accuracy["p"] < 0.01
    assert (accuracy["wins"], accuracy["losses"], accuracy["ties"]) == (6, 0, 0)
    assert rows[-1]["difference"] is None and rows[-1]["wins"] == 0  # no boxes


def test_the_same_model_is_no_better() -> None:
    scores = score_all({"ours": sections(HALF)})["ours"]
    row = compare(scores, {"again": scores})[0]
    assert row["difference"] == 0 and row["p"] == 1 and row["ties"] == 6


def test_pairing_finds_what_two_intervals_hide() -> None:
    rng = np.random.default_rng(0)
    sites = [f"s{i}" for i in range(30)]
    theirs = list(rng.uniform(0.2, 0.8, 30))
    ours = [value + 0.02 for value in theirs]
    ones = [1.0] * 30
    apart = bootstrap_difference(sites, (ours, ones), (theirs, ones))
    assert apart is not None and apart.p < 0.01
    assert (apart.low, apart.high) == pytest.approx((0.02, 0.02))
    alone = bootstrap_ratio(sites, ours, ones)
    assert alone is not None and alone[0] < np.mean(theirs) < alone[1]


def test_p_is_uniform_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(1)
    sites, ones = [str(i) for i in range(40)], [1.0] * 40
    found = 0
    for seed in range(60):
        ours, theirs = rng.normal(size=40).tolist(), rng.normal(size=40).tolist()
        apart = bootstrap_difference(sites, (ours, ones), (theirs, ones), seed)
        assert apart is not None
        found += apart.p < 0.05
    assert found <= 9  # 3 expected


def test_difference_within_one_site_is_undefined() -> None:
    assert bootstrap_difference(["a", "a"], ([1, 1], [1, 1]), ([0, 0], [1, 1])) is None


def test_role_table_counts_by_hand() -> None:
    rows = {row["role"]: row for row in by_role([pair("a", "a", HALF), pair("b", "a", TRUTH)])}
    assert list(rows) == ["section", "heading", "paragraph", "list"]
    paragraph = rows["paragraph"]
    assert (paragraph["true"], paragraph["predicted"]) == (2, 1)
    assert (paragraph["precision"], paragraph["recall"]) == (1, 0.5)
    assert paragraph["f1"] == pytest.approx(2 / 3)
    assert rows["list"]["recall"] is None and rows["list"]["f1"] == 0


def test_breakdowns_cover_every_section_once() -> None:
    pairs = [pair("a", "x", TRUTH), pair("b", "x", HALF), pair("c", "y", POOR)]
    groups = breakdowns(pairs, [section_score(p) for p in pairs], {"a": "hero"})
    assert [row["name"] for row in groups["site"]] == ["y", "x"]  # the worst first
    assert {row["name"] for row in groups["kind"]} == {"hero", "not given"}
    assert [row["name"] for row in groups["nodes"]] == ["0–10"]
    assert [row["name"] for row in groups["depth"]] == ["0–3"]
    assert all(sum(row["sections"] for row in rows) == 3 for rows in groups.values())


def test_kinds_that_nobody_gave_make_no_table() -> None:
    pairs = [pair("a", "x", TRUTH)]
    assert breakdowns(pairs, [section_score(pairs[0])], {})["kind"] == []


def test_calibration_by_hand() -> None:
    sure = Pair("a", "a", STRUCTURE, TRUTH, HALF, (0.95, 0.95, 0.15))
    found = calibration([sure])
    assert found is not None and found["count"] == 3
    assert [row["count"] for row in found["rows"]] == [1, 2]
    assert [row["right"] for row in found["rows"]] == [0, 1]
    assert found["error"] == pytest.approx((0.15 + 2 * 0.05) / 3)
    assert found["auroc"] == 1  # both right ones are more confident than the wrong one


def test_auroc_counts_ties_half_and_needs_both_kinds() -> None:
    rights = np.array([1.0, 1.0, 0.0, 0.0])
    assert auroc(np.array([0.9, 0.5, 0.5, 0.1]), rights) == pytest.approx(3.5 / 4)
    assert auroc(np.array([0.1, 0.2, 0.3, 0.4]), rights) == 0
    assert auroc(np.array([0.1, 0.2]), np.ones(2)) is None


def test_no_confidences_no_calibration() -> None:
    assert calibration(sections(HALF)) is None


def test_tables_have_their_columns_even_when_empty(tmp_path: Path) -> None:
    write_tables(tmp_path / "tables", {})
    assert sorted(p.stem for p in (tmp_path / "tables").iterdir()) == sorted(COLUMNS)
    assert len((tmp_path / "tables" / "steps.csv").read_text().splitlines()) == 1


def test_every_error_has_a_row(tmp_path: Path) -> None:
    write_errors(tmp_path / "errors.csv", [section_errors(p) for p in sections(HALF)])
    with (tmp_path / "errors.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert (rows[0]["class"], rows[0]["true"], rows[0]["predicted"]) == (
        "wrong role",
        "paragraph",
        "list",
    )


def test_curves_are_read_and_drawn(tmp_path: Path) -> None:
    table = tmp_path / "plots" / "metrics" / "train" / "loss.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("step\tloss\n0\t2.0\n1\t1.5\n")
    chart = training_charts(tmp_path)[0]
    assert chart["series"] == ["train"] and chart["last"] == "train ends at 1.500"
    assert chart["svg"].count("<circle") == 2
    assert read_curve(tmp_path / "absent.tsv") == []
    table.write_text("step\tloss\nzero\tone\n")
    with pytest.raises(DltError, match=r"loss\.tsv"):
        read_curve(table)


def test_one_section_of_one_site_is_compared_without_an_interval() -> None:
    score = section_score(pair("a", "a", TRUTH))
    row = compare([score], {"worse": [replace(score, layout_accuracy=0.5)]})[0]
    assert row["difference"] == 0.5 and row["low"] is row["p"] is None
