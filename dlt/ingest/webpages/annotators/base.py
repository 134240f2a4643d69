"""What an annotator is: the reader of one page builder's markup.

It works on a DOM snapshot (`dlt.ingest.webpages.dom`), needs no browser, and guesses nothing: what
the page's author chose in the builder is the label.
"""

import re
from typing import Protocol

from dlt.ingest.webpages.dom import Dom
from dlt.section.labels import Labels


class NoLabels(Exception):
    """A section that the annotator leaves out; the message is the reason."""


class Annotator(Protocol):
    """Reads one page builder's markup; a new builder is one module with one of these."""

    name: str
    """Value of `ingest.webpages.annotator`, and `builder` in an example's meta.json."""

    builder_classes: re.Pattern[str]
    """Matches the start of the class names that the builder writes, as against the page's author."""

    def matches(self, page: Dom) -> bool:
        """Whether the page was made with this builder."""
        ...

    def sections(self, page: Dom) -> list[int]:
        """The root nodes of the page's sections, in order; none lies within another."""
        ...

    def label(self, section: Dom) -> Labels:
        """Role and prop of each node of one section, of which nodes that can't be seen are gone.

        Raises:
            NoLabels: the section has no labels worth learning from.
        """
        ...
