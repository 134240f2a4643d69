"""The label law: `labels` and `contract` undo each other, on any tree, in bounded work."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.section.errors import SectionError
from dlt.section.example import find_examples, read_example
from dlt.section.formats import MAX_DEPTH
from dlt.section.labels import Labels, contract, element_of_nodes, labels, node_boxes
from dlt.section.roles import DROP, MERGE, NO_PROP, ROLES
from dlt.section.tree import Element, Layout, Node, Structure
from tests.strategies import labelled, parents, sections, structures

DIVS = st.just("div")
FEW = st.sampled_from(("div", "p"))


def tree(parents: list[int], selector: str = "div") -> Structure:
    return Structure(tuple(Node(selector, parent) for parent in parents))


def chain(n: int) -> list[int]:
    return [i - 1 for i in range(n)]


def star(n: int) -> list[int]:
    return [-1] + [0] * (n - 1)


def caterpillar(n: int) -> list[int]:
    """A spine each of whose nodes has one leaf before the next node of the spine."""
    return [i - 2 if i % 2 == 0 and i else i - 1 for i in range(n)]


def comb(n: int) -> list[int]:
    """Eight equal chains side by side below the root."""
    length = (n - 1) // 8
    return [-1] + [0 if j == 0 else i * length + j for i in range(8) for j in range(length)]


SHAPES = (chain, star, caterpillar, comb)


def wrappers(parents: list[int], names: int = 1) -> Layout:
    """A layout of that shape; each element has `names` nodes, all of them `div`."""
    roles = ["section"] + ["wrapper"] * (len(parents) - 1)
    pairs = zip(roles, parents, strict=True)
    return Layout(tuple(Element(role, ("div",) * names, parent) for role, parent in pairs))


def search_all(structure: Structure, layout: Layout) -> tuple[str, ...] | None:
    """The first of all role assignments, in order of preference, that contracts to the layout."""
    none = (NO_PROP,) * len(structure)
    for kinds in product((MERGE, "start", DROP), repeat=len(structure) - 1):
        starts = iter(element.role for element in layout.elements)
        roles = tuple(next(starts, DROP) if kind == "start" else kind for kind in ("start", *kinds))
        try:
            if contract(structure, Labels(roles, none)).elements == layout.elements:
                return roles
        except SectionError:
            continue
    return None


# --- laws -----------------------------------------------------------------------------------------


@given(st.one_of(sections(), sections(30, DIVS), sections(20, FEW)))
def test_labels_of_a_layout_contract_to_it(section: tuple[Structure, Layout]) -> None:
    structure, layout = section
    assert contract(structure, labels(structure, layout)) == layout


@given(st.one_of(labelled(), labelled(30, DIVS), labelled(20, FEW)))
def test_labels_after_contract_are_stable_after_one_round(case: tuple[Structure, Labels]) -> None:
    structure, first = case
    once = labels(structure, contract(structure, first))
    assert labels(structure, contract(structure, once)) == once


@given(st.one_of(sections(7, DIVS), sections(7, FEW)))
def test_labels_prefer_merge_then_start_then_drop(section: tuple[Structure, Layout]) -> None:
    structure, layout = section
    assert labels(structure, layout).roles == search_all(structure, layout)


@given(structures(6, FEW), sections(6, FEW))
def test_labels_exist_exactly_where_a_full_search_finds_some(
    structure: Structure, other: tuple[Structure, Layout]
) -> None:
    layout = Layout(other[1].elements)
    expected = search_all(structure, layout)
    if expected is not None:
        assert labels(structure, layout).roles == expected
        return
    cuts = [Layout(layout.elements[:n]) for n in range(1, len(layout.elements) + 1)]
    misfit = next(cut for cut in cuts if search_all(structure, cut) is None).elements[-1]
    with pytest.raises(SectionError) as caught:
        labels(structure, layout)
    assert str(caught.value) == f"structure: {misfit.key!r} has no place in the DOM"


@given(labelled(30))
def test_each_node_of_an_element_hangs_on_another_of_it(case: tuple[Structure, Labels]) -> None:
    structure, given_labels = case
    joined = element_of_nodes(structure.parents, given_labels.roles).joined
    for i, role in enumerate(given_labels.roles):
        if role == MERGE:
            assert joined[i] == joined[structure.parents[i]] >= 0
        assert (joined[i] < 0) == (role == DROP)


# --- particular trees -----------------------------------------------------------------------------


def test_single_node() -> None:
    layout = wrappers([-1])
    assert labels(tree([-1]), layout).roles == ("section",)


def test_wide_tree() -> None:
    structure, layout = tree(star(501)), wrappers(star(501))
    assert labels(structure, layout).roles == ("section",) + ("wrapper",) * 500


@pytest.mark.parametrize("label", [MERGE, "wrapper", DROP])
def test_tree_of_the_greatest_depth(label: str) -> None:
    structure = Structure(tuple(Node(f"d{i}", i - 1) for i in range(MAX_DEPTH)))
    given_labels = Labels(("section",) + (label,) * (MAX_DEPTH - 1), (NO_PROP,) * MAX_DEPTH)
    assert labels(structure, contract(structure, given_labels)) == given_labels


def test_an_element_below_a_dropped_node_attaches_to_the_nearest_element() -> None:
    structure = Structure((Node("div", -1), Node("nav", 0), Node("p", 1)))
    layout = contract(structure, Labels(("section", DROP, "paragraph"), (NO_PROP,) * 3))
    assert layout.elements == (
        Element("section", ("div",), -1),
        Element("paragraph", ("p",), 0),
    )


def test_an_element_may_branch() -> None:
    structure = Structure((Node("div", -1), Node("a", 0), Node("b", 0)))
    layout = contract(structure, Labels(("section", MERGE, MERGE), (NO_PROP,) * 3))
    assert layout.elements == (Element("section", ("div", "a", "b"), -1),)


def test_props_stand_on_merged_dropped_and_starting_nodes() -> None:
    structure = Structure((Node("div", -1), Node("video", 0), Node("i", 0), Node("div", 0)))
    given_labels = Labels(("section", MERGE, DROP, "wrapper"), ("bi", "bv", "bo", NO_PROP))
    layout = contract(structure, given_labels)
    assert layout.props == {"bi": "div", "bv": "video", "bo": "i"}
    assert labels(structure, layout) == given_labels


def test_two_props_with_one_selector_take_two_nodes() -> None:
    structure = tree(star(3))
    layout = Layout((Element("section", ("div",), -1),), {"bo": "div", "bi": "div"})
    assert labels(structure, layout).props == ("bi", "bo", NO_PROP)


def test_a_wrapper_is_around_what_it_holds_and_a_leaf_where_its_element_is() -> None:
    #  section ─ div (merge) ─ h2 (heading) ─ b (merge)
    #                        └ p (paragraph)
    #          └ i (drop)
    parents = (-1, 0, 1, 2, 1, 0)
    roles = ("section", MERGE, "heading", MERGE, "paragraph", DROP)
    page, title, text = (0.0, 0.0, 1.0, 1.0), (0.25, 0.25, 0.5, 0.125), (0.125, 0.5, 0.25, 0.25)
    of_starts = (page, None, title, None, text, None)
    boxes, contents = node_boxes(parents, Labels(roles, (NO_PROP,) * 6, of_starts))
    hull = (0.125, 0.25, 0.625, 0.5)
    assert boxes == [page, hull, title, title, text, page]
    assert contents == [hull, hull, None, None, None, None]


def test_the_box_belongs_to_the_first_node_of_its_element() -> None:
    structure = Structure((Node("div", -1), Node("div", 0), Node("p", 1)))
    elements = (Element("section", ("div", "div"), -1), Element("paragraph", ("p",), 0))
    boxes = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.5, 1.0, 0.5))
    assert labels(structure, Layout(elements, boxes=boxes)).boxes == (boxes[0], None, boxes[1])


# --- faults ---------------------------------------------------------------------------------------

SECTION = Element("section", ("div",), -1)
P = Element("paragraph", ("p",), 0)
BOX = (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout(()), "one section expected"),
        (Layout((SECTION, SECTION)), "one section expected"),
        (Layout((Element("grid", ("div",), -1),)), "one section expected"),
        (Layout((Element("section", ("p",), -1),)), "'section@p' has no place"),
        (Layout((SECTION, P, Element("heading", ("h1",), 0))), "'heading@h1' has no place"),
        (Layout((SECTION, P, P)), "'paragraph@p' has no place"),
        (Layout((SECTION, Element("merge", ("p",), 0))), "unknown role 'merge'"),
        (Layout((SECTION, Element("paragraph", (), 0))), "names no DOM node"),
        (Layout((SECTION,), {"xx": "p"}), "unknown prop 'xx'"),
        (Layout((SECTION,), {"bi": "img"}), "bi: 'img' is not in the DOM"),
        (Layout((SECTION,), {"bi": "p", "bo": "p"}), "bo: 'p' is bi already"),
        (Layout((SECTION, P), boxes=(BOX,)), "boxes: 1 for 2 elements"),
    ],
)
def test_layouts_that_do_not_fit(layout: Layout, message: str) -> None:
    structure = Structure((Node("div", -1), Node("p", 0)))
    with pytest.raises(SectionError, match=message):
        labels(structure, layout)


@pytest.mark.parametrize(
    ("roles", "props", "message"),
    [
        (("section", DROP, MERGE), (NO_PROP,) * 3, "merge under a dropped parent"),
        (("grid", DROP, DROP), (NO_PROP,) * 3, "must start the section"),
        (("section", "nope", DROP), (NO_PROP,) * 3, "unknown role label 'nope'"),
        (("section", DROP, DROP), ("bi", "bi", NO_PROP), "bi stands on two nodes"),
        (("section", DROP, DROP), ("xx", NO_PROP, NO_PROP), "unknown prop label 'xx'"),
        (("section", DROP), (NO_PROP,) * 2, "2 role labels for 3 nodes"),
    ],
)
def test_labels_that_break_the_law(
    roles: tuple[str, ...], props: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SectionError, match=message):
        contract(tree(chain(3)), Labels(roles, props))


def test_boxes_must_stand_on_first_nodes() -> None:
    with pytest.raises(SectionError, match="first node has none"):
        contract(tree([-1, 0]), Labels(("section", MERGE), (NO_PROP,) * 2, (None, BOX)))


# --- hostile trees --------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [1, 2])
@pytest.mark.parametrize("nested", SHAPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_divs_end_with_labels_or_an_error(
    shape: Callable[[int], list[int]], nested: Callable[[int], list[int]], names: int
) -> None:
    structure, layout = tree(shape(81)), wrappers(nested(25), names)
    try:
        found = labels(structure, layout)
    except SectionError as error:
        assert "has no place in the DOM" in str(error)
    else:
        assert contract(structure, found) == layout


@settings(max_examples=20)
@given(parents(120, min_nodes=120), st.randoms(use_true_random=False))
def test_layouts_of_many_equal_divs_are_found(parents: list[int], random: Random) -> None:
    roles = ["section"]
    for parent in parents[1:]:
        kinds = ("wrapper", DROP) if roles[parent] == DROP else ("wrapper", DROP, MERGE)
        roles.append(random.choice(kinds))
    structure = tree(parents)
    layout = contract(structure, Labels(tuple(roles), (NO_PROP,) * len(parents)))
    assert contract(structure, labels(structure, layout)) == layout


def test_the_search_gives_up_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlt.section.matching.MAX_STEPS", 1000)
    with pytest.raises(SectionError, match="too ambiguous, undecided after 1,000 steps"):
        labels(tree(chain(200)), wrappers(chain(60), 2))


# --- real sections --------------------------------------------------------------------------------


def test_real_layouts_are_labelled_and_contract_back(real_sections: Path) -> None:
    folders = [folder for found in find_examples(real_sections).values() for folder in found]
    assert len(folders) == 490
    for folder in folders:
        example = read_example(folder)
        assert example.layout is not None
        found = labels(example.structure, example.layout)
        assert contract(example.structure, found) == example.layout, folder.name
        assert all(role in (*ROLES, MERGE, DROP) for role in found.roles)
