"""Annotators by name: one module for each page builder, one line here."""

from dlt.errors import DltError
from dlt.ingest.webpages.annotators.base import Annotator
from dlt.ingest.webpages.annotators.elementor import Elementor

_ALL: tuple[Annotator, ...] = (Elementor(),)
ANNOTATORS = {annotator.name: annotator for annotator in _ALL}


def get_annotator(name: str) -> Annotator:
    """The annotator called `name`.

    Raises:
        DltError: there is none.
    """
    if name not in ANNOTATORS:
        known = ", ".join(sorted(ANNOTATORS))
        raise DltError(f"ingest.webpages.annotator: {name!r} is unknown (known: {known})")
    return ANNOTATORS[name]
