"""JSON Schemas (draft 2020-12) of an example's files, in the canonical list-of-nodes form.

A JSON Schema cannot describe objects that repeat keys, so structure and layout are described as
flat arrays in pre-order, each item naming the index of its parent (-1: the root). What depends on
other values (a parent's index, the number and the range of boxes) is left to the code.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from dlt.section.roles import PROPS, ROLES
from dlt.section.tree import Layout, Structure

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PART = r"(?:[^\s.@\\]|\\[.@\\])+"  # a tag or a class name, escaped
_SELECTOR = rf"(?![A-Z]){_PART}(?:\.{_PART})*"
_PARENT = {"type": "integer", "minimum": -1}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}

STRUCTURE_SCHEMA: dict[str, Any] = {
    "$schema": _DRAFT,
    "title": "structure",
    "type": "object",
    "required": ["nodes"],
    "properties": {
        "nodes": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["selector", "parent"],
                "properties": {
                    "selector": {"type": "string", "pattern": rf"^{_SELECTOR}$"},
                    "parent": _PARENT,
                    "text": {"type": "string"},
                    "attrs": _STRINGS,
                },
            },
        }
    },
}

LAYOUT_SCHEMA: dict[str, Any] = {
    "$schema": _DRAFT,
    "title": "layout",
    "type": "object",
    "required": ["elements", "props"],
    "properties": {
        "elements": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["key", "parent"],
                "properties": {
                    "key": {
                        "type": "string",
                        "pattern": rf"^(?:{'|'.join(ROLES)})(?:@{_SELECTOR})+$",
                    },
                    "parent": _PARENT,
                },
            },
        },
        "props": {**_STRINGS, "propertyNames": {"enum": list(PROPS)}},
        "boxes": {
            "type": "array",
            "items": {
                "type": "array",
                "minItems": 4,
                "maxItems": 4,
                "items": {"type": "number"},
            },
        },
    },
}

_WORD = {"type": ["string", "null"]}
_NAME = {"type": ["string", "integer", "null"]}
_PIXELS = {"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000}

META_SCHEMA: dict[str, Any] = {
    "$schema": _DRAFT,
    "title": "meta",
    "type": "object",
    "properties": {
        "format": {"type": "integer", "minimum": 1},
        "site": _NAME,
        "page": _NAME,
        "kind": _WORD,
        "source": _WORD,
        "licence": _WORD,
        "viewport": _PIXELS,
        "width": _PIXELS,
        "height": _PIXELS,
        "confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    },
}

_STRUCTURE = Draft202012Validator(STRUCTURE_SCHEMA)
_LAYOUT = Draft202012Validator(LAYOUT_SCHEMA)
_META = Draft202012Validator(META_SCHEMA)

MAX_ERRORS = 10  # reported for one file


def canonical_structure(structure: Structure) -> dict[str, Any]:
    """The form that STRUCTURE_SCHEMA describes; empty text and attrs are left out."""
    nodes = []
    for node in structure.nodes:
        item: dict[str, Any] = {"selector": node.selector, "parent": node.parent}
        if node.text:
            item["text"] = node.text
        if node.attrs:
            item["attrs"] = dict(node.attrs)
        nodes.append(item)
    return {"nodes": nodes}


def canonical_layout(layout: Layout) -> dict[str, Any]:
    """The form that LAYOUT_SCHEMA describes; `boxes` is left out where the layout has none."""
    elements = [{"key": element.key, "parent": element.parent} for element in layout.elements]
    canonical: dict[str, Any] = {"elements": elements, "props": dict(layout.props)}
    if layout.boxes is not None:
        canonical["boxes"] = [list(box) for box in layout.boxes]
    return canonical


def structure_errors(structure: Structure) -> list[tuple[str, str]]:
    """The first errors of a structure against its schema, as (field, message)."""
    return _errors(_STRUCTURE.iter_errors(canonical_structure(structure)))


def layout_errors(layout: Layout) -> list[tuple[str, str]]:
    """The first errors of a layout against its schema, as (field, message)."""
    return _errors(_LAYOUT.iter_errors(canonical_layout(layout)))


def meta_errors(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The first errors of a meta.json against its schema, as (field, message)."""
    return _errors(_META.iter_errors(dict(meta)))


def _errors(found: Iterator[ValidationError]) -> list[tuple[str, str]]:
    return [(error.json_path[2:], _message(error)) for error in islice(found, MAX_ERRORS)]


def _message(error: ValidationError) -> str:
    instance = repr(error.instance)
    short = instance if len(instance) <= 60 else instance[:57] + "..."
    if error.validator == "enum":
        return f"{short} is not known"
    if error.validator == "pattern":
        is_key = error.path[-1] == "key"
        return f"{short} is not {'a known role with its selectors' if is_key else 'a selector'}"
    return f"{short}: {error.validator} {error.validator_value!r} expected"
