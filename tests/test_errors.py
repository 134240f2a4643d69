"""The classes of errors: cases worked out by hand, and that they add up on generated sections."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from dlt.evaluate.error_analysis import ERROR_ANALYSIS_SCHEMA, analyse, error_reasons
from dlt.evaluate.errors import CLASSES, Error, section_errors
from dlt.evaluate.metrics import Pair, section_score
from dlt.evaluate.teds import placed_elements
from dlt.section.labels import Labels
from dlt.section.roles import ROLES
from dlt.section.tree import Box, Node, Structure
from tests.strategies import labels_of, structures

# section > (div > (h1, p), img)
CARD = Structure(
    tuple(Node(t, p) for t, p in [("section", -1), ("div", 0), ("h1", 1), ("p", 1), ("img", 0)])
)
ROLE_NAMES = ("section", "wrapper", "heading", "paragraph", "image")
FULL: Box = (0.0, 0.0, 1.0, 1.0)


def labels(*roles: str, props: tuple[str, ...] = ("none",) * 5, boxes: Any = None) -> Labels:
    return Labels(roles, props, boxes)


def found(truth: Labels, predicted: Labels) -> list[tuple[str, str | None, str | None]]:
    errors = section_errors(Pair("a", "s", CARD, truth, predicted))
    return [(error.kind, error.true, error.predicted) for error in errors]


TRUTH = labels(*ROLE_NAMES)
CASES: dict[str, tuple[Labels, Labels, list[tuple[str, str | None, str | None]]]] = {
    "nothing": (TRUTH, TRUTH, []),
    "another role": (
        TRUTH,
        labels("section", "wrapper", "list", "paragraph", "image"),
        [("wrong role", "heading", "list")],
    ),
    "dropped leaf": (
        TRUTH,
        labels("section", "wrapper", "drop", "paragraph", "image"),
        [("missing", "heading", None)],
    ),
    "joined to its parent": (
        TRUTH,
        labels("section", "wrapper", "merge", "paragraph", "image"),
        [("wrong merge", "wrapper", "wrapper"), ("wrong merge", "heading", "wrapper")],
    ),
    "one node too few": (
        labels("section", "heading", "merge", "drop", "image"),
        labels("section", "heading", "drop", "drop", "image"),
        [("wrong merge", "heading", "heading")],
    ),
    "in pieces": (
        labels("section", "list", "merge", "merge", "image"),
        labels("section", "list", "heading", "paragraph", "image"),
        [("split element", "list", "list")],
    ),
    "from nothing": (
        labels("section", "wrapper", "heading", "paragraph", "drop"),
        TRUTH,
        [("invented", None, "image")],
    ),
    "without its wrapper": (
        TRUTH,
        labels("section", "drop", "heading", "paragraph", "image"),
        [
            ("missing", "wrapper", None),
            ("wrong nesting", "heading", "heading"),
            ("wrong nesting", "paragraph", "paragraph"),
        ],
    ),
    "a prop": (
        TRUTH,
        labels(*ROLE_NAMES, props=("bi", "none", "none", "none", "none")),
        [("wrong prop", "none", "bi")],
    ),
    "a box": (
        labels(*ROLE_NAMES, boxes=(FULL,) * 5),
        labels(*ROLE_NAMES, boxes=(FULL,) * 4 + ((0.0, 0.0, 0.7, 0.7),)),
        [("wrong box", "image", "image")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_classes_of_cases_worked_out_by_hand(case: str) -> None:
    truth, predicted, expected = CASES[case]
    assert found(truth, predicted) == expected


def test_costs_are_those_of_the_edits() -> None:
    drops = labels("section", "wrapper", "drop", "merge", "image")
    costs = {e.kind: e.cost for e in section_errors(Pair("a", "s", CARD, TRUTH, drops))}
    assert costs == {"missing": 1 / 5, "wrong merge": 1 / 5}


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    structure = draw(structures())
    roles = ("wrapper", "heading")  # few, so that some are right by chance
    truth, predicted = (draw(labels_of(structure, roles)) for _ in range(2))
    return Pair(
        draw(st.sampled_from("abc")), draw(st.sampled_from("xy")), structure, truth, predicted
    )


@given(pairs())
def test_classes_are_exclusive_and_add_up(pair: Pair) -> None:
    errors = section_errors(pair)
    score = section_score(pair)
    of = {kind: [e for e in errors if e.kind == kind] for kind in CLASSES}
    wrong = sum(len(of[k]) for k in ("wrong role", "wrong merge", "split element", "missing"))
    assert wrong == score.elements.true - score.elements.right
    true_nodes = {n for e in placed_elements(pair.structure, pair.truth) for n in e.nodes}
    guesses = placed_elements(pair.structure, pair.predicted)
    assert len(of["invented"]) == sum(not e.nodes & true_nodes for e in guesses)
    differing = sum(map(str.__ne__, pair.truth.props, pair.predicted.props))
    assert len(of["wrong prop"]) == differing
    assert sum(map(len, of.values())) == len(errors)
    elements = [e for e in errors if e.kind not in ("invented", "wrong prop")]
    assert len({e.node for e in elements}) == len(elements)  # no true element twice
    assert (score.layout_accuracy == 1) == (wrong + len(of["invented"]) == 0)


@given(st.lists(pairs(), min_size=1, max_size=5))
def test_the_analysis_keeps_its_schema_and_its_sums(sample: list[Pair]) -> None:
    errors = [section_errors(pair) for pair in sample]
    analysis = analyse(sample, [section_score(pair) for pair in sample], errors)
    Draft202012Validator(ERROR_ANALYSIS_SCHEMA).validate(analysis)
    assert analysis["errors"] == sum(map(len, errors)) == sum(analysis["by_class"].values())
    for groups in (analysis["by_role"], analysis["by_site"]):
        for kind in CLASSES:
            assert sum(group[kind] for group in groups.values()) == analysis["by_class"][kind]
    assert set(analysis["by_role"]) <= {*ROLES, "none"}


def test_a_perfect_prediction_is_no_hard_section() -> None:
    pair = Pair("a", "s", CARD, TRUTH, TRUTH)
    analysis = analyse([pair], [section_score(pair)], [[]])
    assert analysis["errors"] == 0 and analysis["hardest"] == analysis["confusions"] == []


def test_reasons_name_the_most_costly_first() -> None:
    def error(kind: str, true: str, cost: float = 0.1) -> Error:
        return Error(kind, "a", "s", 1, "p", true, "list", cost)

    errors = [error("wrong box", "icon", 0.0)] * 3 + [error("missing", "icon")]
    errors += [error("wrong role", "heading")] * 2
    assert error_reasons(errors, most=1) == ["2 × heading taken for list", "4 other errors"]
    assert error_reasons(errors)[1:] == ["1 × icon missing", "3 × icon in the wrong place"]
