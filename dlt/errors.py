"""The one kind of exception that a user can mend, and how those of others are told."""


class DltError(Exception):
    """A fault in the data, the parameters or the machine; its message is one clear line."""


def first_line(error: Exception) -> str:
    """The first line of what an exception says, and the second after a colon; else its kind."""
    lines = [line.strip() for line in str(error).splitlines()]
    if len(lines) > 1 and lines[0].endswith(":"):
        return f"{lines[0]} {lines[1]}"
    return lines[0] if lines else type(error).__name__
