"""Base class of the faults that a person can mend."""


class UserError(Exception):
    """A fault of input or of the machine: the message is shown, not the traceback."""
