"""structure.json and layout.json: read and written without loss, anything else refused."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlt.section.errors import SectionError
from dlt.section.formats import (
    MAX_DEPTH,
    MAX_NODES,
    dump_layout,
    dump_structure,
    parse_layout,
    parse_structure,
)
from dlt.section.labels import Labels, contract
from dlt.section.selector import (
    format_key,
    format_selector,
    is_selector,
    parse_key,
    parse_selector,
)
from dlt.section.tree import Element, Layout, Node, Structure, children, depths, subtree_ends
from tests.strategies import labelled, sections, structures, texts

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)

# --- laws -----------------------------------------------------------------------------------------


@given(structures(30))
def test_structures_survive_a_round_trip(structure: Structure) -> None:
    text = dump_structure(structure)
    assert parse_structure(text) == structure
    assert dump_structure(parse_structure(text)) == text


@given(sections(30))
def test_layouts_survive_a_round_trip(section: tuple[Structure, Layout]) -> None:
    _, layout = section
    assert parse_layout(dump_layout(layout)) == layout


@given(labelled(30))
def test_a_section_read_back_has_the_same_layout(case: tuple[Structure, Labels]) -> None:
    structure, labels = case
    read = parse_structure(dump_structure(structure))
    assert contract(read, labels) == contract(structure, labels)


@given(st.text(min_size=1), st.lists(texts).map(tuple))
@example("div", ("mt-2.5", "@container", "\\", "a\\.b", ""))
def test_selectors_survive_a_round_trip(tag: str, classes: tuple[str, ...]) -> None:
    selector = format_selector(tag, classes)
    assert is_selector(selector)
    assert parse_selector(selector) == (tag, classes)
    assert parse_key(format_key("grid", (selector, selector))) == ("grid", (selector, selector))


@given(structures(30))
def test_tree_functions_agree(structure: Structure) -> None:
    parents = structure.parents
    below, ends, levels = children(parents), subtree_ends(parents), depths(parents)
    for i, found in enumerate(below):
        assert all(parents[child] == i and levels[child] == levels[i] + 1 for child in found)
        assert ends[i] == (ends[found[-1]] if found else i + 1)


@given(st.one_of(json_values, st.dictionaries(st.just("structure") | texts, json_values)))
def test_any_json_is_read_or_refused(value: Any) -> None:
    for parse in (parse_structure, parse_layout):
        with suppress(SectionError):
            parse(json.dumps(value))


# --- reading --------------------------------------------------------------------------------------


def test_siblings_repeat_keys() -> None:
    structure = parse_structure('{"div": {"p": {"text": "one"}, "hr": {}, "p": {"text": "two"}}}')
    assert structure.nodes == (
        Node("div", -1),
        Node("p", 0, "one"),
        Node("hr", 0),
        Node("p", 0, "two"),
    )


def test_repeated_text_is_joined_with_a_blank() -> None:
    structure = parse_structure('{"p": {"text": "one", "b": {}, "text": "two"}}')
    assert structure.nodes == (Node("p", -1, "one two"), Node("b", 0))


def test_an_element_may_be_named_text() -> None:
    structure = parse_structure('{"svg": {"text": {"text": "label"}, "text": "own"}}')
    assert structure.nodes == (Node("svg", -1, "own"), Node("text", 0, "label"))
    assert parse_structure(dump_structure(structure)) == structure


def test_attrs_are_no_element() -> None:
    structure = parse_structure('{"a": {"attrs": {"href": "x"}, "img": {"attrs": {"src": "y"}}}}')
    assert structure.nodes == (
        Node("a", -1, attrs={"href": "x"}),
        Node("img", 0, attrs={"src": "y"}),
    )


def test_escaped_classes_are_unescaped_for_the_reader() -> None:
    text = json.dumps({r"div.mt-2\.5.\@container": {}})
    (node,) = parse_structure(text).nodes
    assert (node.tag, node.classes) == ("div", ("mt-2.5", "@container"))


def test_layout_of_the_documentation() -> None:
    layout = parse_layout(
        '{"structure": {"section@div.a@div": {"heading@h1": "", "column@p": {}, "column@p": ""}},'
        ' "props": {"bi": "div.b"}, "boxes": [[0, 0, 1, 1], [0, 0, 1, 0.5]]}'
    )
    assert layout == Layout(
        (
            Element("section", ("div.a", "div"), -1),
            Element("heading", ("h1",), 0),
            Element("column", ("p",), 0),
            Element("column", ("p",), 0),
        ),
        {"bi": "div.b"},
        ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 0.5)),
    )


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ('{"div": {}', "not JSON"),
        ("[]", "an object expected, found an array"),
        ("{}", "one root element expected, found 0"),
        ('{"div": {}, "div": {}}', "one root element expected, found 2"),
        ('{"div": ""}', "'div': an object expected, found ''"),
        ('{"div": {"p": ["a"]}}', "'p': an object expected, found an array"),
        ('{"div": {"text": 3}}', "'text': an object expected, found 3"),
        ('{"div": {"attrs": "a"}}', "'div': attrs: an object of strings"),
        ('{"div": {"attrs": {"src": null}}}', "'div': attrs: an object of strings"),
        ('{"div": {"p.@a": {}}}', "'p.@a': not a selector"),
        ('{"div": {"p.a\\\\": {}}}', "not a selector"),
        ('{"div": {"": {}}}', "'': not a selector"),
        ('{"div": {"text": "\\ud800"}}', "a lone surrogate"),
        ('{"div": NaN}', "NaN is not a JSON number"),
        ('{"div": ' + "9" * 5000 + "}", "'div': an object expected"),
    ],
)
def test_structures_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(SectionError, match=message) as caught:
        parse_structure(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "structure: an object expected"),
        ('{"structure": {}, "box": []}', "unknown field 'box'"),
        ('{"structure": {}, "structure": {}}', "a field is named twice"),
        ('{"structure": {"section@div": 1}}', "'section@div': \"\" or an object expected"),
        ('{"structure": {}, "props": []}', "props: an object of strings expected"),
        ('{"structure": {}, "props": {"bi": 1}}', "props: an object of strings expected"),
        ('{"structure": {}, "props": {"bi": "a", "bi": "b"}}', "a prop is named twice"),
        ('{"structure": {}, "boxes": {}}', "boxes: an array expected"),
        ('{"structure": {}, "boxes": [[0, 0, 1]]}', r"boxes\[0\]: four numbers expected"),
        ('{"structure": {}, "boxes": [[0, 0, 1, true]]}', r"boxes\[0\]: a number expected"),
        ('{"structure": {}, "boxes": [[0, 0, 1, 1e999]]}', r"boxes\[0\]: a number expected"),
        ('{"structure": {}, "boxes": [[[[0]], 0, 1, 1]]}', "found an array"),
        ('{"structure": {}, "boxes": [[0, 0, 1, -Infinity]]}', "-Infinity is not a JSON number"),
    ],
)
def test_layouts_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(SectionError, match=message) as caught:
        parse_layout(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 8_000, 200_000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    with pytest.raises(SectionError, match="nested deeper than 256 levels"):
        parse_structure('{"div": ' * depth + "{}" + "}" * depth)
    with pytest.raises(SectionError, match="nested deeper than 256 levels"):
        parse_layout('{"structure": ' + '{"a@b": ' * depth + '""' + "}" * depth + "}")
    with pytest.raises(SectionError):
        parse_layout('{"structure": {}, "boxes": ' + "[" * depth + "]" * depth + "}")


def test_a_structure_of_the_greatest_depth_is_read_and_written() -> None:
    structure = Structure(tuple(Node("div", i - 1, "x") for i in range(MAX_DEPTH)))
    assert parse_structure(dump_structure(structure)) == structure


def test_too_many_nodes_are_refused() -> None:
    with pytest.raises(SectionError, match="more than 4,096 elements"):
        parse_structure('{"div": {' + ", ".join(['"p": {}'] * MAX_NODES) + "}}")


def test_too_much_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlt.section.formats.MAX_CHARACTERS", 10)
    with pytest.raises(SectionError, match="larger than 10 characters"):
        parse_structure('{"div": {}} ')
