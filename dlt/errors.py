"""The one kind of exception that a user can mend, and how those of others are told."""


class DltError(Exception):
    """A fault in the data, the parameters or the machine; its message is one clear line."""


def first_line(error: Exception) -> str:
    """The first line of what an exception says; where it says nothing, its kind."""
    return next(iter(str(error).splitlines()), type(error).__name__)
