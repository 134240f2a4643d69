"""Metrics against cases worked out by hand, and tree edit distance against the zss package."""

import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zss
from hypothesis import given
from hypothesis import strategies as st

from dlt.errors import DltError
from dlt.evaluate.baselines import lawful_roles
from dlt.evaluate.bootstrap import bootstrap_ratio
from dlt.evaluate.boxes import GRID, aesthetic_score, box_iou, paint, painting_similarity
from dlt.evaluate.metrics import (
    METRIC_NAMES,
    Overlap,
    Pair,
    confusion_counts,
    evaluate_pairs,
    layout_accuracy,
    section_score,
)
from dlt.evaluate.report import assemble, evaluation_table
from dlt.evaluate.teds import Placed, placed_elements, tree_distance, tree_similarity
from dlt.section.example import find_examples, read_example
from dlt.section.labels import Labels, labels
from dlt.section.roles import DROP, MERGE, NO_PROP, NODE_ROLES, ROLES
from dlt.section.tree import Box, Node, Structure

# section > (div > (h1, p), img)
CARD = Structure(
    tuple(
        Node(tag, parent)
        for tag, parent in [("section", -1), ("div", 0), ("h1", 1), ("p", 1), ("img", 0)]
    )
)
CARD_ROLES = ("section", "wrapper", "heading", "paragraph", "image")
CARD_BOXES: tuple[Box, ...] = (
    (0.0, 0.0, 1.0, 1.0),
    (0.1, 0.1, 0.35, 0.8),
    (0.1, 0.1, 0.35, 0.3),
    (0.1, 0.5, 0.35, 0.4),
    (0.55, 0.1, 0.35, 0.8),
)
REAL = Path(__file__).parents[2] / "shared" / "sections" / "sections.zip"


def make_labels(roles: tuple[str, ...], boxes: tuple[Box | None, ...] | None = None) -> Labels:
    return Labels(roles, (NO_PROP,) * len(roles), boxes)


def card(predicted: Labels, truth: Labels | None = None, site: str = "a") -> Pair:
    truth = truth or make_labels(CARD_ROLES, CARD_BOXES)
    return Pair("card", site, CARD, truth, predicted)


def boxed(*elements: tuple[str, int, Box]) -> list[Placed]:
    return [
        Placed(role, frozenset({i}), parent, box) for i, (role, parent, box) in enumerate(elements)
    ]


@st.composite
def forests(draw: st.DrawFn) -> tuple[Structure, Labels, Labels]:
    """A random tree and two lawful label sequences for it."""
    levels = [0]
    for _ in range(draw(st.integers(0, 14))):
        levels.append(draw(st.integers(1, levels[-1] + 1)))
    open_at: dict[int, int] = {}
    nodes = []
    for i, level in enumerate(levels):
        nodes.append(Node("div", open_at.get(level - 1, -1)))
        open_at[level] = i
    structure = Structure(tuple(nodes))
    roles = st.lists(
        st.sampled_from(("grid", "heading", MERGE, DROP)),
        min_size=len(levels),
        max_size=len(levels),
    )
    first, second = (lawful_roles(structure.parents, draw(roles)) for _ in range(2))
    return structure, make_labels(first), make_labels(second)


# --- tree edit distance ---------------------------------------------------------------------------


@given(forests())
def test_tree_distance_agrees_with_zss(case: tuple[Structure, Labels, Labels]) -> None:
    structure, first, second = case
    a, b = placed_elements(structure, first), placed_elements(structure, second)
    assert tree_distance(a, b) == pytest.approx(zss_distance(a, b))


@given(forests())
def test_tree_distance_is_a_metric_at_its_ends(case: tuple[Structure, Labels, Labels]) -> None:
    structure, first, second = case
    a, b = placed_elements(structure, first), placed_elements(structure, second)
    assert tree_distance(a, a) == 0
    assert tree_distance(a, b) == pytest.approx(tree_distance(b, a))
    assert 0 <= tree_similarity(a, b) <= 1
    assert (tree_similarity(a, b) == 1) == (first.roles == second.roles)


def zss_distance(a: list[Placed], b: list[Placed]) -> float:
    def rename(x: Placed, y: Placed) -> float:
        return 1 - len(x.nodes & y.nodes) / len(x.nodes | y.nodes) if x.role == y.role else 1

    trees = []
    for tree in (a, b):
        nodes = [zss.Node(element) for element in tree]
        for node, element in zip(nodes, tree, strict=True):
            if element.parent >= 0:
                nodes[element.parent].addkid(node)
        trees.append(nodes[0])
    return zss.distance(
        *trees,
        zss.Node.get_children,
        lambda _: 1,
        lambda _: 1,
        lambda x, y: rename(x.label, y.label),
    )


def test_a_deep_tree_is_no_problem() -> None:
    chain = [Placed("wrapper", frozenset({i}), i - 1, None) for i in range(250)]
    assert tree_distance(chain, chain[:200]) == 50


# --- metrics by hand ------------------------------------------------------------------------------


def test_metrics_of_a_small_case_by_hand() -> None:
    # section{0,1} > (heading{2}, heading{3}): the wrapper and the image are missed
    predicted = Labels(
        ("section", MERGE, "heading", "heading", DROP), ("none", "none", "none", "bv", "bi")
    )
    truth = Labels(CARD_ROLES, ("bo", "none", "none", "none", "bi"))
    values = {name: m.value for name, m in evaluate_pairs([card(predicted, truth)]).items()}
    # two deletions, paragraph to heading, and the section's node sets have a Jaccard of 1/2
    assert values["layout_accuracy"] == pytest.approx(1 - 3.5 / 5)
    assert values["element_precision"] == pytest.approx(1 / 3)
    assert values["element_recall"] == pytest.approx(1 / 5)
    assert values["element_f1"] == pytest.approx(2 / 8)
    assert values["node_accuracy"] == pytest.approx(2 / 5)
    assert values["prop_f1"] == pytest.approx(2 / 4)
    for name in ("visual_similarity", "box_iou", "aesthetic_score", "aesthetic_score_truth"):
        assert values[name] is None


def test_element_metrics_are_micro_averages() -> None:
    nothing = make_labels(("section", DROP, DROP, DROP, DROP))
    pairs = [card(nothing), card(make_labels(CARD_ROLES))]
    found = evaluate_pairs(pairs)
    assert found["element_precision"].value == 1
    assert found["element_precision"].count == 6
    assert found["element_recall"].value == pytest.approx(6 / 10)
    assert found["element_recall"].count == 10
    assert found["layout_accuracy"].value == pytest.approx((1 / 5 + 1) / 2)
    assert found["layout_accuracy"].count == 2


def test_perfect_prediction_has_exactly_one_everywhere() -> None:
    truth = Labels(CARD_ROLES, ("bi", "none", "none", "none", "none"), CARD_BOXES)
    found = evaluate_pairs([card(truth, truth, site) for site in "abc"])
    for name in METRIC_NAMES:
        if not name.startswith("aesthetic"):
            assert (found[name].value, found[name].low, found[name].high) == (1, 1, 1), name
    assert found["aesthetic_score"] == found["aesthetic_score_truth"]


def test_an_empty_prediction_has_exactly_zero() -> None:
    true = placed_elements(CARD, make_labels(CARD_ROLES))
    assert tree_distance([], true) == tree_distance(true, []) == 5
    assert tree_similarity([], true) == tree_similarity(true, []) == 0
    assert tree_similarity([], []) == 1
    assert Overlap(predicted=0, true=5, right=0).f1 == 0


def test_shuffled_roles_are_far_less() -> None:
    rng = random.Random(0)
    pairs = []
    for _ in range(20):
        roles = lawful_roles(CARD.parents, ["section", *rng.choices(ROLES[1:], k=4)])
        pairs.append(card(make_labels(roles, CARD_BOXES)))
    found = evaluate_pairs(pairs)
    for name in ("layout_accuracy", "element_f1", "node_accuracy", "visual_similarity"):
        value = found[name].value
        assert value is not None and value < 0.5, name


def test_a_prediction_of_nothing_but_the_section() -> None:
    boxes: tuple[Box | None, ...] = ((0.0, 0.0, 1.0, 1.0), None, None, None, None)
    score = section_score(card(make_labels(("section", DROP, DROP, DROP, DROP), boxes)))
    assert score.layout_accuracy == pytest.approx(1 / 5)
    assert score.aesthetic is None
    assert score.visual_similarity is not None and 0 < score.visual_similarity < 0.5


def test_what_is_undefined_is_none_with_a_reason() -> None:
    found = evaluate_pairs([card(make_labels(CARD_ROLES))])
    for name in ("visual_similarity", "box_iou", "aesthetic_score", "prop_f1"):
        assert found[name].value is None and found[name].count == 0
        assert found[name].reason
    assert found["aesthetic_score_truth"].value is not None
    nothing = evaluate_pairs([])
    assert all(measure.value is None and measure.reason for measure in nothing.values())
    assert layout_accuracy([]) is None


def test_layout_accuracy_alone_is_the_same() -> None:
    pairs = [card(make_labels(CARD_ROLES)), card(make_labels(("section", DROP, DROP, DROP, DROP)))]
    assert layout_accuracy(pairs) == evaluate_pairs(pairs)["layout_accuracy"].value


def test_unlawful_labels_are_refused() -> None:
    with pytest.raises(DltError, match="merge under a dropped parent"):
        section_score(card(make_labels(("section", DROP, MERGE, DROP, DROP))))


def test_confusion_counts_every_node() -> None:
    counts = confusion_counts([card(make_labels(("section", MERGE, "heading", "heading", DROP)))])
    row, column = NODE_ROLES.index("paragraph"), NODE_ROLES.index("heading")
    assert counts.sum() == 5 and counts[row, column] == 1 and np.trace(counts) == 2


# --- boxes ----------------------------------------------------------------------------------------


def test_painting_similarity_by_hand() -> None:
    whole, left, upper = (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 0.5)
    a = paint(boxed(("section", -1, whole), ("image", 0, left)))
    b = paint(boxed(("section", -1, whole), ("image", 0, upper)))
    assert painting_similarity(a, b) == pytest.approx(1 / 3)  # of both roles a quarter of three
    c = paint(boxed(("section", -1, whole), ("icon", 0, left)))
    assert painting_similarity(a, c) == pytest.approx((1 + 0 + 0) / 3)  # section, image, icon


@pytest.mark.parametrize(
    ("box", "cells"),
    [
        ((0.0, 0.0, 1.0, 1.0), GRID * GRID),
        ((0.5, 0.5, 0.0, 0.0), 1),  # at least one cell
        ((1.0, 1.0, 0.0, 0.0), 1),
        ((2.0, -3.0, 0.5, 0.5), 1),  # outside
        ((-1.0, -1.0, 3.0, 3.0), GRID * GRID),
        ((0.5 / GRID, 0.0, 1 / GRID, 1 / GRID), 2),  # both cells that it touches
        ((1 / GRID, 2 / GRID, 0.1 + 0.2 - 0.3 + 1 / GRID, 1 / GRID), 1),  # rounding adds no cell
    ],
)
def test_painted_cells(box: Box, cells: int) -> None:
    assert np.count_nonzero(paint(boxed(("section", -1, box)))) == cells


def test_box_iou_by_hand() -> None:
    assert box_iou((0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.5, 1.0)) == pytest.approx(1 / 3)
    assert box_iou((0.0, 0.0, 0.1, 0.1), (0.5, 0.5, 0.1, 0.1)) == 0
    assert box_iou((0.1, 0.7, 0.2, 0.0), (0.1, 0.7, 0.2, 0.0)) == 1  # a line and the same line
    assert box_iou((0.1, 0.7, 0.2, 0.0), (0.1, 0.8, 0.2, 0.0)) == 0


def test_box_iou_is_measured_over_right_elements_only() -> None:
    boxes = (CARD_BOXES[0], None, CARD_BOXES[2], CARD_BOXES[3], (0.55, 0.1, 0.175, 0.8))
    predicted = make_labels(("section", DROP, "list", "paragraph", "image"), boxes)
    measure = evaluate_pairs([card(predicted)])["box_iou"]
    assert measure.count == 3
    assert measure.value == pytest.approx((1 + 1 + 0.5) / 3)


def test_aesthetic_score_by_hand() -> None:
    root = ("section", -1, (0.0, 0.0, 1.0, 1.0))
    a, b = (0.0, 0.0, 0.4, 0.2), (0.21, 0.01, 0.4, 0.8)
    # the nearest coordinate is 0.01 away; the intersection is 0.19 × 0.19 of 0.4 × 0.2
    expected = 100 * (1 - (0.5 + 0.19 * 0.19 / 0.08) / 2)
    score = aesthetic_score(boxed(root, ("image", 0, a), ("list", 0, b)))
    assert score == pytest.approx(expected)
    aligned = boxed(root, ("image", 0, a), ("list", 0, (0.5, 0.0, 0.1, 0.1)))
    assert aesthetic_score(aligned) == 100
    assert aesthetic_score(boxed(root, ("image", 0, a))) is None


def test_aesthetic_score_takes_the_nearest_of_many_siblings() -> None:
    rng = np.random.default_rng(0)
    boxes = rng.uniform(0.1, 0.5, size=(7, 4))
    elements = boxed(("section", -1, (0.0, 0.0, 1.0, 1.0)), *(("icon", 0, tuple(b)) for b in boxes))
    edges = [
        [b[0], b[0] + b[2] / 2, b[0] + b[2], b[1], b[1] + b[3] / 2, b[1] + b[3]] for b in boxes
    ]
    misaligned, overlaps = [], []
    for i, one in enumerate(edges):
        others = [other for j, other in enumerate(edges) if j != i]
        nearest = min(abs(x - y) for o in others for x, y in zip(one, o, strict=True))
        misaligned.append(min(nearest / 0.02, 1))
        for other in edges[i + 1 :]:
            width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
            height = max(0, min(one[5], other[5]) - max(one[3], other[3]))
            areas = [(e[2] - e[0]) * (e[5] - e[3]) for e in (one, other)]
            overlaps.append(width * height / min(areas))
    expected = 100 * (1 - (np.mean(misaligned) + np.mean(overlaps)) / 2)
    assert aesthetic_score(elements) == pytest.approx(expected)


# --- intervals and report -------------------------------------------------------------------------


def test_bootstrap_draws_sites_and_not_sections() -> None:
    rng = np.random.default_rng(1)
    by_site = np.repeat(rng.uniform(size=8), 50).tolist()  # sections of a site are all alike
    sites = [f"s{i // 50}" for i in range(400)]
    ones = [1.0] * 400
    interval = bootstrap_ratio(sites, by_site, ones)
    alone = bootstrap_ratio([str(i) for i in range(400)], by_site, ones)
    assert interval is not None and alone is not None
    assert interval == bootstrap_ratio(sites, by_site, ones)  # seeded
    assert interval[0] < sum(by_site) / 400 < interval[1]
    assert interval[1] - interval[0] > 3 * (alone[1] - alone[0])


def test_bootstrap_of_one_site_is_undefined() -> None:
    assert bootstrap_ratio(["a", "a"], [1.0, 0.0], [1.0, 1.0]) is None
    assert bootstrap_ratio(["a", "b"], [0.0, 0.0], [0.0, 0.0]) is None


def test_report_holds_values_counts_and_reasons() -> None:
    measured = evaluate_pairs([card(make_labels(CARD_ROLES), site=site) for site in "ab"])
    evaluation = assemble(measured, measured, {"tag_label": measured})
    assert list(evaluation) == [*METRIC_NAMES, "val_layout_accuracy", "baselines", "rows"]
    assert evaluation["layout_accuracy"] == evaluation["val_layout_accuracy"] == 1
    perfect = {"name": "tag_label", "layout_accuracy": 1, "element_f1": 1}
    assert evaluation["baselines"] == [perfect]
    row = next(r for r in evaluation["rows"] if r["metric"] == "visual_similarity")
    assert row["value"] is None and row["count"] == 0 and row["reason"]
    check = {"name": "layout_accuracy", "comparison": ">", "required": 0.85, "passed": True}
    table = evaluation_table(
        evaluation, {"seconds_per_sample": 0.1, "hardware": "x"}, {"checks": [check]}
    )
    lines = table.splitlines()
    assert lines[0].split()[:3] == ["metric", "test", "95"]
    found = next(line for line in lines if line.startswith("layout_accuracy"))
    cells = "layout_accuracy 1.000 1.000 to 1.000 2 > 0.85 1.000 1.000"
    assert " ".join(found.split()) == cells
    assert lines[-1] == "Meets production thresholds: yes"


@pytest.mark.skipif(not REAL.exists(), reason="the real sections are not beside the repository")
def test_true_layouts_of_real_sections_are_perfect(tmp_path: Path) -> None:
    with zipfile.ZipFile(REAL) as archive:
        wanted = [n for n in archive.namelist() if "test/" in n and n.endswith(".json")]
        archive.extractall(tmp_path, wanted)
    pairs = []
    for folder in find_examples(next(tmp_path.rglob("test")).parent)["test"]:
        example = read_example(folder)
        assert example.layout is not None
        truth = labels(example.structure, example.layout)
        pairs.append(Pair(example.name, example.group, example.structure, truth, truth))
    found = evaluate_pairs(pairs)
    assert found["layout_accuracy"].value == found["visual_similarity"].value == 1
    score = found["aesthetic_score_truth"].value
    assert score is not None and score > 95
