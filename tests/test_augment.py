"""Augmentation: views obey the label law and keep elements, roles, nesting, boxes and props."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.data import augment as augment_module
from dlt.data import augment_image, augment_words
from dlt.data.augment import Step, augment, flatten, prune, shuffle, wrap_nodes, wrap_runs
from dlt.data.augment_image import flip, recolour
from dlt.data.augment_words import rename, rewrite
from dlt.data.encode import encode
from dlt.data.items import from_items, to_items
from dlt.ingest.synthetic import generate
from dlt.section.formats import dump_layout, dump_structure, parse_layout, parse_structure
from dlt.section.labels import Labels, contract, labels
from dlt.section.roles import DROP, MERGE, NO_PROP
from dlt.section.tree import Layout, Node, Structure
from tests import strategies

STEPS = (prune, shuffle, flatten, wrap_nodes, wrap_runs, rename, rewrite)

seeds = st.integers(0, 2**32)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that can change do change, so that small trees show each kind of change."""
    for share in ("PRUNED", "FLATTENED", "WRAPPED"):
        monkeypatch.setattr(augment_module, share, 0.7)


def shape(layout: Layout) -> tuple[object, ...]:
    """What must stay: roles, nesting and boxes in pre-order, and which props there are."""
    roles = [element.role for element in layout.elements]
    return roles, layout.parents, layout.boxes, list(layout.props)


def view(step: Step, structure: Structure, given: Labels, seed: int) -> tuple[Structure, Labels]:
    root = to_items(structure, given)
    step(root, np.random.default_rng(seed))
    return from_items(root, boxed=given.boxes is not None)


def synthetic(index: int) -> tuple[Structure, Labels, bytes]:
    _, example, screenshot = generate(index, 8, 3)
    assert example.layout is not None
    return example.structure, labels(example.structure, example.layout), screenshot


def tree(
    *nodes: tuple[str, int, str], prop: tuple[int, str] | None = None
) -> tuple[Structure, Labels]:
    """A structure with labels, of (selector, parent, role label); `prop`: (node, prop)."""
    structure = Structure(tuple(Node(selector, parent) for selector, parent, _ in nodes))
    props = [NO_PROP] * len(nodes)
    if prop:
        props[prop[0]] = prop[1]
    return structure, Labels(tuple(role for _, _, role in nodes), tuple(props))


def assert_same_layout(before: tuple[Structure, Labels], after: tuple[Structure, Labels]) -> None:
    layout = contract(*after)  # raises where the law is broken
    assert shape(layout) == shape(contract(*before))
    assert contract(after[0], labels(after[0], layout)) == layout
    assert parse_structure(dump_structure(after[0])) == after[0]
    assert parse_layout(dump_layout(layout)) == layout


@settings(max_examples=50)
@given(strategies.labelled(max_nodes=20), seeds)
def test_a_view_obeys_the_law_and_keeps_the_layout(
    section: tuple[Structure, Labels], seed: int
) -> None:
    assert_same_layout(section, augment(*section, np.random.default_rng(seed)))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.usefixtures("often")
def test_each_step_keeps_the_layout(step: Step) -> None:
    @settings(max_examples=30)
    @given(strategies.labelled(max_nodes=20), seeds)
    def check(section: tuple[Structure, Labels], seed: int) -> None:
        assert_same_layout(section, view(step, *section, seed))

    check()


def test_views_of_synthetic_sections_keep_the_layout_and_encode() -> None:
    for seed in range(8):
        structure, truth, screenshot = synthetic(seed)
        after = augment(structure, truth, np.random.default_rng(seed))
        assert_same_layout((structure, truth), after)
        encoded = encode("view", after[0], screenshot, after[1], 64, 32)
        assert encoded.targets is not None
        assert len(encoded.tags) == len(encoded.targets.roles) == len(after[0])


def test_the_same_seed_gives_the_same_view_and_others_differ() -> None:
    structure, truth, _ = synthetic(0)
    before = (structure, truth)
    views = [augment(structure, truth, np.random.default_rng(s)) for s in (3, 3, 4, 5)]
    assert views[0] == views[1]
    assert views[0] != views[2] != views[3]
    assert (structure, truth) == before, "the section itself stays"


# --- what each step does --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "outer_role", "inner_role"),
    [("heading", "heading", MERGE), (MERGE, MERGE, MERGE), (DROP, DROP, DROP)],
)
def test_a_wrapper_around_a_node(
    monkeypatch: pytest.MonkeyPatch, inner: str, outer_role: str, inner_role: str
) -> None:
    monkeypatch.setattr(augment_module, "WRAPPED", 1.0)
    structure, truth = tree(("section.a", -1, "section"), ("h2.b", 0, inner), prop=(1, "bi"))
    box = (0.1, 0.2, 0.3, 0.4)
    boxes = ((0.0, 0.0, 1.0, 1.0), box if inner == "heading" else None)
    wrapped, given = view(wrap_nodes, structure, replace(truth, boxes=boxes), 0)
    assert [node.tag for node in wrapped.nodes] == ["section", "div", "h2"]
    assert wrapped.parents == (-1, 0, 1)
    assert given.roles == ("section", outer_role, inner_role)
    assert given.props == (NO_PROP, NO_PROP, "bi"), "a prop stays with its node"
    assert given.boxes == (boxes[0], boxes[1], None)


def test_wrappers_stay_out_of_lists_and_are_inline_in_headings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(augment_module, "WRAPPED", 1.0)
    section = tree(
        ("div", -1, "section"),
        ("ul", 0, "list"),
        ("li", 1, DROP),
        ("h2", 0, "heading"),
        ("b", 3, DROP),
    )
    wrapped, _ = view(wrap_nodes, *section, 0)
    assert [node.tag for node in wrapped.nodes] == "div div ul li div h2 span b".split()


@pytest.mark.parametrize(
    ("parent", "kids", "around_all", "around_some"),
    [
        ("wrapper", ("heading", "paragraph", "button"), MERGE, MERGE),
        ("list", (DROP, DROP, DROP), MERGE, DROP),
        (DROP, ("heading", DROP, "button"), DROP, DROP),
        ("grid", ("column", "column", "column"), MERGE, None),
    ],
)
def test_a_wrapper_around_siblings(
    monkeypatch: pytest.MonkeyPatch,
    parent: str,
    kids: tuple[str, ...],
    around_all: str,
    around_some: str | None,
) -> None:
    monkeypatch.setattr(augment_module, "WRAPPED", 1.0)
    section = tree(
        ("section", -1, "section"), ("div", 0, parent), *(("p", 1, role) for role in kids)
    )
    found = set()
    for seed in range(60):
        structure, given = view(wrap_runs, *section, seed)
        wrappers = [i for i, node in enumerate(structure.nodes) if i > 1 and node.tag == "div"]
        for i in wrappers:
            found.add((structure.parents.count(i) == len(kids), given.roles[i]))
    expected = {(True, around_all), (False, around_some)}
    assert found == {(whole, role) for whole, role in expected if role}


@pytest.mark.parametrize(
    ("roles", "prop", "left"),
    [
        ((MERGE, "heading"), None, ("section", "heading")),
        ((DROP, DROP), None, ("section", DROP)),
        (("heading", MERGE), None, ("section", "heading")),
        (("column", "heading"), None, ("section", "column", "heading")),
        ((MERGE, "heading"), (1, "bo"), ("section", MERGE, "heading")),
        (("heading", MERGE), (2, "bo"), ("section", "heading")),
    ],
)
def test_flattening_a_wrapper(
    monkeypatch: pytest.MonkeyPatch,
    roles: tuple[str, str],
    prop: tuple[int, str] | None,
    left: tuple[str, ...],
) -> None:
    monkeypatch.setattr(augment_module, "FLATTENED", 1.0)
    section = tree(("div", -1, "section"), ("div", 0, roles[0]), ("h2", 1, roles[1]), prop=prop)
    structure, given = view(flatten, *section, 0)
    assert given.roles == left
    assert structure.nodes[-1].tag == "h2"
    assert [p for p in given.props if p != NO_PROP] == ([prop[1]] if prop else [])


def test_flattening_keeps_what_shows_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_module, "FLATTENED", 1.0)
    nodes = (Node("div", -1), Node("div", 0, "text"), Node("a", 1), Node("div", 2))
    section = Structure(nodes), Labels(("section", MERGE, MERGE, MERGE), (NO_PROP,) * 4)
    assert view(flatten, *section, 0) == section


def test_only_parts_without_elements_are_reordered_or_pruned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(augment_module, "PRUNED", 1.0)
    alive = tree(
        ("div", -1, "section"),
        ("ul", 0, DROP),
        ("li", 1, "list"),
        ("p", 0, DROP),
        ("b", 3, DROP),
        prop=(4, "bo"),
    )
    dead = tree(("ul", -1, "section"), *((f"li.{i}", 0, DROP) for i in range(6)))
    for seed in range(5):
        assert view(shuffle, *alive, seed) == view(prune, *alive, seed) == alive
        assert len(view(prune, *dead, seed)[0]) == 7, "all that a node holds is never pruned"
    reordered = view(shuffle, *dead, 0)[0].nodes
    assert reordered != dead[0].nodes
    assert sorted(node.selector for node in reordered) == [
        *(f"li.{i}" for i in range(6)),
        "ul",
    ]
    monkeypatch.setattr(augment_module, "PRUNED", 0.5)
    assert 1 < len(view(prune, *dead, 0)[0]) < 7


@settings(max_examples=50)
@given(strategies.structures(), seeds)
def test_classes_are_renamed_alike_all_over_a_section(structure: Structure, seed: int) -> None:
    root = to_items(structure, Labels((DROP,) * len(structure), (NO_PROP,) * len(structure)))
    rename(root, np.random.default_rng(seed))
    renamed, _ = from_items(root, boxed=False)
    new: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
    for before, after in zip(structure.nodes, renamed.nodes, strict=True):
        assert after.tag == before.tag
        assert len(after.classes) <= len(before.classes)
        assert new.setdefault((before.tag, before.classes), after.classes) == after.classes


def test_classes_can_all_get_new_names() -> None:
    section = tree(("div.one.two", -1, "section"), ("p.two.one", 0, "paragraph"))
    views = [view(rename, *section, seed)[0] for seed in range(30)]
    fresh = [v for v in views if not {"one", "two"} & set(v.nodes[0].classes)]
    assert any(len(v.nodes[0].classes) == 2 for v in fresh)
    assert all(v.nodes[0].classes == v.nodes[1].classes[::-1] for v in views)


def test_texts_keep_lengths_digits_and_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_words, "TEXT_RENEWED", 1.0)
    monkeypatch.setattr(augment_words, "TEXT_RESIZED", 0.0)
    text = "Only 24.99 € in the shop in Ulm"
    structure = Structure((Node("p", -1, text),))
    new = view(rewrite, structure, Labels(("section",), (NO_PROP,)), 0)[0].nodes[0].text
    assert [len(word) for word in new.split()] == [len(word) for word in text.split()]
    assert new.split()[1:3] == ["24.99", "€"]
    assert new.split()[3] == new.split()[6] != "in"
    assert [sign.isupper() for sign in new] == [sign.isupper() for sign in text]


def test_texts_change_by_at_most_three_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_words, "TEXT_RENEWED", 0.0)
    monkeypatch.setattr(augment_words, "TEXT_RESIZED", 1.0)
    words = [f"w{i}" for i in range(20)]
    section = Structure((Node("p", -1, " ".join(words)),)), Labels(("section",), (NO_PROP,))
    counts = set()
    for seed in range(40):
        new = view(rewrite, *section, seed)[0].nodes[0].text.split()
        assert new == (words + words)[: len(new)]
        counts.add(len(new))
    assert min(counts) >= 14
    assert max(counts) <= 26
    assert len(counts) > 8


# --- pictures -------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(strategies.labelled(), seeds)
def test_flipping_twice_changes_nothing(section: tuple[Structure, Labels], seed: int) -> None:
    _, given = section
    if given.boxes is not None:  # inside the screenshot, as in a valid example
        inside = tuple(b and (b[0] * (1 - b[2]), *b[1:]) for b in given.boxes)
        given = replace(given, boxes=inside)
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), np.uint8)
    once, mirrored = flip(given, pixels)
    twice, again = flip(once, mirrored)
    assert np.array_equal(again, pixels)
    assert np.array_equal(mirrored[:, 0], pixels[:, -1])
    assert (twice.roles, twice.props) == (given.roles, given.props)
    assert (twice.boxes is None) == (given.boxes is None)
    for before, after in zip(given.boxes or (), twice.boxes or (), strict=True):
        assert after == (before and pytest.approx(before, abs=1e-9))


def test_a_flipped_box_lies_on_the_other_side() -> None:
    given = Labels(("section",), (NO_PROP,), ((0.1, 0.2, 0.3, 0.4),))
    (box,) = flip(given, np.zeros((1, 1, 3), np.uint8))[0].boxes or ()
    assert box == pytest.approx((0.6, 0.2, 0.3, 0.4))


def test_colours_change_by_seed_and_shape_stays() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    pixels.flags.writeable = False  # as arrays from shared memory may be
    views = [recolour(pixels, np.random.default_rng(seed)) for seed in range(40)]
    assert all(v.shape == pixels.shape and v.dtype == np.uint8 for v in views)
    assert np.array_equal(views[1], recolour(pixels, np.random.default_rng(1)))
    assert len({v.tobytes() for v in views}) > 20


def test_light_and_dark_change_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_image, "INVERTED", 1.0)
    monkeypatch.setattr(augment_image, "TONED", 0.0)
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(recolour(pixels, np.random.default_rng(0)), 255 - pixels)
