"""New words for a section: class names and texts that mean nothing; see `dlt.data.augment`."""

import numpy as np

from dlt.data.items import Item, preorder
from dlt.section.selector import format_selector, parse_selector

CLASS_DROPPED = 0.1  # few: a node without a class is rare on real pages
TEXT_RENEWED = 0.5  # of texts, so that a view has known words beside unknown ones
TEXT_RESIZED = 0.3  # of texts
TEXT_CHANGE = 0.3  # at most, of the words: more would no longer fit the screenshot

# Several names to each hash bucket of `encode`, so that no bucket is a sign of a new name; and no
# more, so that caches of names hold.
_NAMES = 4096
_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _make_names() -> list[str]:
    """Names as builders and bundlers make them: a letter, then letters and digits."""
    rng = np.random.default_rng(0)
    picks = rng.integers([26, 36, 36, 36, 36, 36], size=(_NAMES, 6)).tolist()
    return ["".join(_SIGNS[i] for i in pick) for pick in picks]


_NEW_NAMES = _make_names()


def new_names(count: int, rng: np.random.Generator) -> list[str]:
    """Class names that say nothing."""
    return [_NEW_NAMES[i] for i in rng.integers(_NAMES, size=count).tolist()]


def rename(root: Item, rng: np.random.Generator) -> None:
    """Give classes new names that say nothing, and drop a few; the same all over the section.

    How many is drawn first: pages are anything from hand-written to all opaque.
    """
    order = preorder(root)
    parsed = {item.selector: parse_selector(item.selector) for item in order}
    names = list(dict.fromkeys(name for _, classes in parsed.values() for name in classes))
    draws, renamed = rng.random(len(names)).tolist(), CLASS_DROPPED + rng.random()
    new: dict[str, tuple[str, ...]] = {}
    for name, draw, other in zip(names, draws, new_names(len(names), rng), strict=True):
        new[name] = () if draw < CLASS_DROPPED else (other if draw < renamed else name,)
    selectors = {
        selector: format_selector(tag, tuple(n for name in classes for n in new[name]))
        for selector, (tag, classes) in parsed.items()
    }
    for item in order:
        item.selector = selectors[item.selector]


def rewrite(root: Item, rng: np.random.Generator) -> None:
    """Replace own texts by words that mean nothing, and make some a little shorter or longer."""
    texts = [item for item in preorder(root) if item.text]
    cipher = _cipher(rng)
    draws = rng.random((len(texts), 3)).tolist()
    for item, (renew, resize, size) in zip(texts, draws, strict=True):
        if renew < TEXT_RENEWED:
            item.text = item.text.translate(cipher)
        if resize < TEXT_RESIZED:
            item.text = _resized(item.text, 1 + TEXT_CHANGE * (2 * size - 1))


def _cipher(rng: np.random.Generator) -> dict[int, int]:
    """Vowels for vowels, consonants for consonants: words keep length, case and their repetition.

    Digits, signs and letters of other scripts stay.
    """
    table: dict[int, int] = {}
    for letters in ("aeiou", "bcdfghjklmnpqrstvwxyz"):
        mixed = "".join(letters[i] for i in rng.permutation(len(letters)))
        table |= str.maketrans(letters + letters.upper(), mixed + mixed.upper())
    return table


def _resized(text: str, factor: float) -> str:
    """A text cut, or gone on with from its beginning, to `factor` times as many words."""
    words = text.split()
    return " ".join((words + words)[: max(round(factor * len(words)), 1)])
