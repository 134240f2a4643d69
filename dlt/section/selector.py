"""Selectors `tag.class1.class2` and element keys `role@selector@selector`.

Inside a tag or a class name `.`, `@` and `\\` are written with a backslash before them.
"""

import re
from functools import lru_cache

_SIGN = re.compile(r"\\.|.", re.DOTALL)  # one sign, together with the backslash that escapes it
_ESCAPE = re.compile(r"[\\.@]")
_SELECTOR = re.compile(r"(?:\\.|[^\\@.])(?:\\.|[^\\@])*", re.DOTALL)
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)


def is_selector(text: str) -> bool:
    """Whether the text has a tag, no bare `@` and no backslash that escapes nothing.

    Only such selectors can be told apart again in an element key.
    """
    return _SELECTOR.fullmatch(text) is not None


@lru_cache(maxsize=65536)
def parse_selector(selector: str) -> tuple[str, tuple[str, ...]]:
    """Split a selector into its tag and its class names, escapes undone."""
    parts = _split(selector, ".")
    if "\\" in selector:
        parts = [_UNESCAPE.sub(r"\1", part) for part in parts]
    tag, *classes = parts
    return tag, tuple(classes)


def format_selector(tag: str, classes: tuple[str, ...] = ()) -> str:
    """Join a tag and class names into a selector; the inverse of `parse_selector`."""
    return ".".join(_ESCAPE.sub(r"\\\g<0>", part) for part in (tag, *classes))


def parse_key(key: str) -> tuple[str, tuple[str, ...]]:
    """Split an element key into its role and its selectors, which stay escaped."""
    role, *selectors = _split(key, "@")
    return role, tuple(selectors)


def format_key(role: str, selectors: tuple[str, ...]) -> str:
    """Join a role and selectors into an element key; the inverse of `parse_key`."""
    return "@".join((role, *selectors))


def _split(text: str, sign: str) -> list[str]:
    """Split at each `sign` that no backslash stands before."""
    if "\\" not in text:
        return text.split(sign)
    parts = [""]
    for token in _SIGN.findall(text):
        if token == sign:
            parts.append("")
        else:
            parts[-1] += token
    return parts
