"""The one kind of exception that a user can mend."""


class DltError(Exception):
    """A fault in the data, the parameters or the machine; its message is one clear line."""
