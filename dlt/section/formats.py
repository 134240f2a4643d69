"""structure.json and layout.json: text in, trees out, and back.

Siblings repeat keys, which an ordinary `json.load` would silently collapse; here objects are read
as ordered member lists and written by a writer that repeats keys.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any

from dlt.section.errors import SectionError
from dlt.section.selector import is_selector, parse_key
from dlt.section.tree import Box, Element, Layout, Node, Structure, depths, subtree_ends

MAX_DEPTH = 256
MAX_NODES = 4_096  # attention between nodes grows with the square: 64 MiB a head
MAX_CHARACTERS = 16_000_000

TEXT, ATTRS = "text", "attrs"  # the reserved keys of a structure


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object in order, repeated keys included."""


def parse_structure(text: str) -> Structure:
    """Read the text of a structure.json.

    Raises:
        SectionError: not JSON, not one root, too deep or too large, or a value of the wrong type.
    """
    roots = _load(text)
    if len(roots) != 1:
        raise SectionError(f"one root element expected, found {len(roots)}")
    nodes: list[Node] = []
    for key, parent, members in _walk(roots, _reserved):
        if not isinstance(members, _Members):
            raise SectionError(f"{_short(key)}: an object expected, found {_short(members)}")
        if not is_selector(key):
            raise SectionError(f"{_short(key)}: not a selector (a bare @ or \\?)")
        texts = [v for k, v in members if k == TEXT and isinstance(v, str)]
        attrs = [v for k, v in members if k == ATTRS]
        nodes.append(Node(key, parent, " ".join(texts), _attrs(key, attrs)))
    return Structure(tuple(nodes))


def parse_layout(text: str) -> Layout:
    """Read the text of a layout.json.

    Raises:
        SectionError: not JSON, a missing or unknown field, or a value of the wrong type.
    """
    members = _load(text)
    fields = dict(members)
    if len(fields) < len(members):
        raise SectionError("a field is named twice")
    unknown = sorted(fields.keys() - {"structure", "props", "boxes"})
    if unknown:
        raise SectionError(f"unknown field {unknown[0]!r}")
    roots = fields.get("structure")
    if not isinstance(roots, _Members):
        raise SectionError("structure: an object expected")
    elements = []
    for key, parent, value in _walk(roots, _none_reserved):
        if value != "" and not isinstance(value, _Members):
            found = _short(value)
            raise SectionError(f'structure: {_short(key)}: "" or an object expected, found {found}')
        elements.append(Element(*parse_key(key), parent))
    return Layout(tuple(elements), _props(fields.get("props")), _boxes(fields.get("boxes")))


def dump_structure(structure: Structure) -> str:
    """Write a structure as JSON text; `parse_structure` reads it back unchanged."""
    own = []
    for node in structure.nodes:
        members = [f'"{TEXT}": {_quote(node.text)}'] if node.text else []
        if node.attrs:
            members.append(f'"{ATTRS}": {json.dumps(dict(node.attrs), ensure_ascii=False)}')
        own.append(members)
    return _nested([node.selector for node in structure.nodes], own, structure.parents, leaf="{}")


def dump_layout(layout: Layout) -> str:
    """Write a layout as JSON text; `parse_layout` reads it back unchanged."""
    keys = [element.key for element in layout.elements]
    members = [
        '"structure": ' + _nested(keys, [[] for _ in keys], layout.parents, leaf='""').rstrip(),
        '"props": ' + json.dumps(dict(layout.props), ensure_ascii=False),
    ]
    if layout.boxes is not None:
        members.append('"boxes": ' + json.dumps([list(box) for box in layout.boxes]))
    return "{" + ",\n".join(members) + "}\n"


def _load(text: str) -> _Members:
    """Read JSON text whose value is an object; every number becomes a float."""
    if len(text) > MAX_CHARACTERS:
        raise SectionError(f"larger than {MAX_CHARACTERS:,} characters")
    try:
        value = json.loads(
            text, object_pairs_hook=_Members, parse_int=float, parse_constant=_no_constant
        )
    except RecursionError:
        raise SectionError(f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise SectionError(f"not JSON: {error}") from None
    if not isinstance(value, _Members):
        raise SectionError(f"an object expected, found {_short(value)}")
    if "\\ud" in text or "\\uD" in text:
        _refuse_lone_surrogates(value)
    return value


def _no_constant(name: str) -> float:
    raise SectionError(f"{name} is not a JSON number")


def _refuse_lone_surrogates(members: _Members) -> None:
    """Refuse half of an escaped UTF-16 pair: no UTF-8 file could hold the string again."""
    stack: list[Any] = [members]
    while stack:
        value = stack.pop()
        if isinstance(value, list | tuple):
            stack.extend(value)
        elif isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise SectionError(f"{_short(ascii(value))}: a lone surrogate") from None


def _walk(roots: _Members, reserved: Callable[[str, Any], bool]) -> Iterator[tuple[str, int, Any]]:
    """Yield (key, parent index, value) of each element below `roots`, in pre-order."""
    stack = [(key, value, -1, 1) for key, value in reversed(roots)]
    index = 0
    while stack:
        key, value, parent, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise SectionError(f"nested deeper than {MAX_DEPTH} levels")
        if index >= MAX_NODES:
            raise SectionError(f"more than {MAX_NODES:,} elements")
        yield key, parent, value
        if isinstance(value, _Members):
            stack.extend((k, v, index, depth + 1) for k, v in reversed(value) if not reserved(k, v))
        index += 1


def _reserved(key: str, value: Any) -> bool:
    return (key == TEXT and isinstance(value, str)) or key == ATTRS


def _none_reserved(_key: str, _value: Any) -> bool:
    return False


def _attrs(key: str, found: list[Any]) -> dict[str, str]:
    attrs: dict[str, str] = {}
    for value in found:
        if not isinstance(value, _Members) or any(not isinstance(v, str) for _, v in value):
            raise SectionError(f"{_short(key)}: attrs: an object of strings expected")
        attrs.update(value)
    return attrs


def _props(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, _Members) or any(not isinstance(v, str) for _, v in value):
        raise SectionError("props: an object of strings expected")
    if len({key for key, _ in value}) != len(value):
        raise SectionError("props: a prop is named twice")
    return dict(value)


def _boxes(value: Any) -> tuple[Box, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or isinstance(value, _Members):
        raise SectionError("boxes: an array expected")
    for i, box in enumerate(value):
        if not isinstance(box, list) or len(box) != 4:
            raise SectionError(f"boxes[{i}]: four numbers expected, found {_short(box)}")
        for number in box:
            if not isinstance(number, float) or not isfinite(number):
                raise SectionError(f"boxes[{i}]: a number expected, found {_short(number)}")
    return tuple((x, y, w, h) for x, y, w, h in value)


def _nested(
    keys: Sequence[str], own: Sequence[Sequence[str]], parents: Sequence[int], leaf: str
) -> str:
    """Nest items in pre-order; `own[i]`: ready-made members that stand before i's children."""
    levels, ends = depths(parents), subtree_ends(parents)
    lines, open_levels = ["{"], 0
    for i, key in enumerate(keys):
        while open_levels > levels[i]:
            open_levels -= 1
            lines.append(" " * (open_levels + 1) + "}")
        if lines[-1].endswith(("}", '"')):
            lines[-1] += ","
        pad = " " * (levels[i] + 1)
        head = f"{pad}{_quote(key)}: "
        has_children = ends[i] > i + 1
        if not own[i] and not has_children:
            lines.append(head + leaf)
        elif not has_children:
            lines.append(head + "{" + ", ".join(own[i]) + "}")
        else:
            lines.append(head + "{")
            if own[i]:
                lines.append(f"{pad} " + ", ".join(own[i]))
            open_levels = levels[i] + 1
    lines.extend(" " * (level + 1) + "}" for level in reversed(range(open_levels)))
    return "\n".join([*lines, "}", ""])


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _short(value: Any) -> str:
    """A value for an error message; containers by name only, since `repr` follows any nesting."""
    if isinstance(value, _Members):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
