"""Hashes in place of the class names that a page builder writes.

A builder's class names say what each node is; a model that saw them would learn to read the answer.
Hashed with the site as key they still tell nodes of one kind from another within a site, and say
nothing across sites.
"""

import re
from hashlib import blake2b

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH = 5


def hide_classes(names: tuple[str, ...], written: re.Pattern[str], site: str) -> tuple[str, ...]:
    """`names` with a hash in place of each that `written` matches at its start."""
    return tuple(hash_class(name, site) if written.match(name) else name for name in names)


def hash_class(name: str, site: str) -> str:
    """ "k" and five base-36 digits of a hash of `name`, keyed by `site`."""
    key = blake2b(site.encode(), digest_size=32).digest()
    number = int.from_bytes(blake2b(name.encode(), key=key, digest_size=8).digest())
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "k" + "".join(digits)
