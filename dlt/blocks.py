"""Blocks of YAML as frozen, validated models; wrong values are named all at once."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from dlt.errors import DltError

_KIND = re.compile(r"constrained-\w+|[\w-]+\[.*\]|[A-Z]\w*")  # of a union, where a value is of none


class Block(BaseModel):
    """Values of one block; a name that is not among them is wrong."""

    # YAML 1.2 writes 0.000001 as 1e-06, which PyYAML reads as a string: lax mode coerces by type
    model_config = ConfigDict(frozen=True, extra="forbid")


def inheriting(block: type[BaseModel]) -> type[Block]:
    """`block` with fields that may all be null, blocks in it as well: inherited from the phase."""
    fields: dict[str, Any] = {}
    for name, field in block.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = inheriting(kind)
        fields[name] = (Annotated[kind, *field.metadata] if field.metadata else kind) | None, None
    return create_model(f"_Some{block.__name__}", __base__=Block, **fields)


def merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `own` in their places, block by block."""
    both = {key: merged(base[key], own[key]) for key in own if isinstance(own[key], dict)}
    return {**base, **own, **both}


def read_yaml(path: Path) -> Any:
    """The contents of a YAML file.

    Raises:
        DltError: it is unreadable.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DltError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DltError(f"{path}: not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise DltError(f"{path}: line {line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError):
        raise DltError(f"{path}: not YAML") from None


@contextmanager
def told_in_one_line(path: Path) -> Iterator[None]:
    """Tell all wrong values in one line that names the file.

    Raises:
        DltError: there are some.
    """
    try:
        yield
    except ValidationError as error:
        raise DltError(f"{path}: " + "; ".join(_describe(error.errors()))) from None


def _describe(faults: Iterable[Any]) -> Iterator[str]:
    """A line for each wrong value; where a parameter may be of several kinds, why it is of none."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        given = fault["input"]
        shown = f" (given {given!r})" if not isinstance(given, dict | BaseModel) else ""
        message = fault["msg"].removeprefix("Value error, ")
        reasons.setdefault((_place(fault), shown), []).append(message[0].lower() + message[1:])
    for (name, shown), messages in reasons.items():
        told = " or ".join(dict.fromkeys(messages)) + shown
        yield f"{name}: {told}" if name else told


def _place(fault: Any) -> str:
    """The parameter, without the kind that pydantic names where it may be of several."""
    parts = [str(part) for part in fault["loc"]]
    if fault["type"] != "extra_forbidden":  # else the last one is what somebody wrote
        parts = [part for part in parts if not _KIND.fullmatch(part)]
    return ".".join(parts)
