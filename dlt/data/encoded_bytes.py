"""Encoded sections as bytes: split encodes each once, and training reads it in every epoch.

The arrays by name in the safetensors format, deflated: most screenshots shrink to a tenth.
"""

import zlib
from dataclasses import fields
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dlt.data.encode import Encoded, Targets
from dlt.section.errors import SectionError

_LEVEL = 1  # takes half the time of 6, for a sixth more bytes
_TARGETS = [field.name for field in fields(Targets)]
_OTHERS = [field.name for field in fields(Encoded) if field.name not in ("name", "targets")]


def to_bytes(encoded: Encoded) -> bytes:
    """A section that has targets; its name is left out."""
    found = {name: getattr(encoded, name) for name in _OTHERS}
    found |= {name: getattr(encoded.targets, name) for name in _TARGETS}
    return zlib.compress(save({name: np.asarray(value) for name, value in found.items()}), _LEVEL)


def from_bytes(name: str, content: bytes) -> Encoded:
    """The section of which `to_bytes` has made these bytes, under a name.

    Raises:
        SectionError: they are not whole.
    """
    try:
        arrays = load(zlib.decompress(content))
        targets = Targets(**{field: arrays[field] for field in _TARGETS})
        others: dict[str, Any] = {field: arrays[field] for field in _OTHERS}
    except (zlib.error, SafetensorError, KeyError) as error:
        raise SectionError(f"{name}: not an encoded section: {error}") from None
    others |= {"image_height": others["image_height"].item()}
    return Encoded(name=name, targets=targets, **others)
