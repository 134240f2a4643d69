"""Glyphs: how far the ink of a text reaches above and below the base line, in em.

About what sans-serif fonts have in common. What counts is whether a line has any letter that rises
above the others, or any that descends: without, its ink is a third lower than the line is.
"""

import unicodedata
from functools import lru_cache

ASCENT, DESCENT = 0.75, 0.22  # of a line that has all kinds of letters
_X_HEIGHT = 0.54
_ACCENTED = 0.92  # of a capital with an accent
_COMMA = 0.12

_LOW = frozenset("acegmnopqrsuvwxyzıавгежзиклмнопрстухцчшщъыьэюяαεικμνοπρστυωχ.,;:-–…_«»+=~·")
_DESCENDING = frozenset("gjpqyQ_рцщуфđ") | frozenset("βγημρφχψ")
_A_LITTLE = frozenset(",;()[]{}@$/|")
_CEDILLAS = frozenset("\u0327\u0328\u0326")


@lru_cache(maxsize=4096)
def reach(text: str) -> tuple[float, float]:
    """How far a text reaches above and below the base line."""
    letters = [letter for letter in text if not letter.isspace()]
    if not letters:
        return ASCENT, DESCENT
    above, below = zip(*map(_reach, letters), strict=True)
    return max(above), max(below)


@lru_cache(maxsize=4096)
def _reach(letter: str) -> tuple[float, float]:
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if unicodedata.east_asian_width(letter) in "WF":
        return ASCENT, DESCENT
    hooked = not _CEDILLAS.isdisjoint(marks)
    below = DESCENT if base in _DESCENDING or hooked else _COMMA if base in _A_LITTLE else 0.0
    if marks and not hooked:
        return (_ACCENTED if base.isupper() else ASCENT), below
    return (_X_HEIGHT if base in _LOW else ASCENT), below
