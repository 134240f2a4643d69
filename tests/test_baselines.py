"""Baselines: what they learn, and that what they predict obeys the label law."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.errors import DltError
from dlt.evaluate.baselines import (
    BASELINES,
    LabelledSection,
    NearestSection,
    TagLabel,
    lawful_roles,
    tag_bigrams,
)
from dlt.evaluate.metrics import Pair, layout_accuracy
from dlt.section.example import find_examples, read_example
from dlt.section.labels import Labels, contract, labels
from dlt.section.roles import NODE_PROPS, NODE_ROLES
from dlt.section.tree import Node, Structure

REAL = Path(__file__).parents[2] / "shared" / "sections" / "sections.zip"


def tree(*nodes: tuple[str, int]) -> Structure:
    return Structure(tuple(Node(tag, parent) for tag, parent in nodes))


HERO = tree(("section", -1), ("div", 0), ("h1", 1), ("p", 1))
HERO_LABELS = Labels(
    ("section", "wrapper", "heading", "paragraph"),
    ("bi", "none", "none", "none"),
    ((0.0, 0.0, 1.0, 1.0), (0.1, 0.1, 0.8, 0.8), (0.1, 0.1, 0.8, 0.3), (0.1, 0.5, 0.8, 0.3)),
)
MENU = tree(("section", -1), ("ul", 0), ("li", 1), ("li", 1), ("li", 1))
MENU_LABELS = Labels(("section", "list", "merge", "merge", "drop"), ("none",) * 5)


@st.composite
def labelled_sections(draw: st.DrawFn) -> LabelledSection:
    levels = [0]
    for _ in range(draw(st.integers(0, 12))):
        levels.append(draw(st.integers(1, levels[-1] + 1)))
    open_at: dict[int, int] = {}
    nodes = []
    for i, level in enumerate(levels):
        tag = draw(st.sampled_from(("section", "div", "p", "img")))
        nodes.append(Node(tag, open_at.get(level - 1, -1)))
        open_at[level] = i
    structure = Structure(tuple(nodes))
    wanted = [draw(st.sampled_from(NODE_ROLES)) for _ in levels]
    props = ["none"] * len(levels)
    props[draw(st.integers(0, len(levels) - 1))] = draw(st.sampled_from(NODE_PROPS))
    roles = lawful_roles(structure.parents, wanted)
    boxes = tuple((0.0, 0.0, 1.0, 1.0) if r not in ("merge", "drop") else None for r in roles)
    return structure, Labels(roles, tuple(props), boxes if draw(st.booleans()) else None)


@given(st.lists(labelled_sections(), min_size=1, max_size=4), labelled_sections())
def test_predictions_contract_to_a_layout(
    train: list[LabelledSection], section: LabelledSection
) -> None:
    structure, _ = section
    for fit in BASELINES.values():
        predicted = fit(train).predict(structure)
        assert contract(structure, predicted).elements[0].role == "section"
        assert predicted.roles.count("section") == 1


@given(st.lists(labelled_sections(), min_size=1, max_size=4))
def test_the_nearest_section_of_a_training_section_has_its_tree_shape(
    train: list[LabelledSection],
) -> None:
    structure, _ = train[0]
    predicted = NearestSection(train).predict(structure)
    alike = [found for other, found in train if tag_bigrams(other) == tag_bigrams(structure)]
    shape = lawful_roles(structure.parents, alike[0].roles)
    assert predicted.roles == shape


def test_tag_label_takes_the_most_frequent_label() -> None:
    baseline = TagLabel([(HERO, HERO_LABELS), (MENU, MENU_LABELS)])
    assert baseline.role_of == {
        "div": "wrapper",
        "h1": "heading",
        "p": "paragraph",
        "ul": "list",
        "li": "merge",
    }
    structure = tree(("header", -1), ("ul", 0), ("li", 1), ("video", 0), ("li", 3))
    predicted = baseline.predict(structure)
    assert predicted.roles == ("section", "list", "merge", "drop", "drop")  # no merge under a drop
    assert predicted.boxes is None


def test_nearest_section_copies_labels_by_position() -> None:
    baseline = NearestSection([(MENU, MENU_LABELS), (HERO, HERO_LABELS)])
    longer = tree(("section", -1), ("div", 0), ("h1", 1), ("p", 1), ("p", 1))
    predicted = baseline.predict(longer)
    assert predicted.roles == (*HERO_LABELS.roles, "drop")
    assert predicted.props == (*HERO_LABELS.props, "none")
    assert predicted.boxes == (*(HERO_LABELS.boxes or ()), None)
    shorter = tree(("section", -1), ("ul", 0), ("li", 1))
    assert baseline.predict(shorter).roles == ("section", "list", "merge")


def test_nearest_section_without_training_sections() -> None:
    with pytest.raises(DltError, match="no training sections"):
        NearestSection([])


@pytest.mark.skipif(not REAL.exists(), reason="the real sections are not beside the repository")
def test_real_sections_give_the_known_figures(tmp_path: Path) -> None:
    with zipfile.ZipFile(REAL) as archive:
        archive.extractall(tmp_path, [n for n in archive.namelist() if n.endswith(".json")])
    found = find_examples(next(tmp_path.rglob("test")).parent)
    train, test = ([_labelled(folder) for folder in found[split]] for split in ("train", "test"))
    for name, expected in (("tag_label", 0.095), ("nearest", 0.199)):
        baseline = BASELINES[name](train)
        pairs = [Pair("", "", s, truth, baseline.predict(s)) for s, truth in test]
        assert layout_accuracy(pairs) == pytest.approx(expected, abs=0.001)


def _labelled(folder: Path) -> LabelledSection:
    example = read_example(folder)
    assert example.layout is not None
    return example.structure, labels(example.structure, example.layout)
