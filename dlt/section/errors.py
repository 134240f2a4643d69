"""The one exception for data that is not a section."""

from dlt.errors import DltError


class SectionError(DltError):
    """Data that breaks the format or the label law; the message names the field."""
