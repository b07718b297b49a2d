"""Base class of the faults that a person can mend."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A fault of input or of the machine: the message is shown, not the traceback."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean GLD?" for a misspelt name, nothing where none of the known is near.

    Examples
    --------
    >>> did_you_mean("GDL", ["GLD", "SLV"])
    '; did you mean GLD?'
    >>> did_you_mean("WEATHER", ["GLD", "SLV"])
    ''
    """
    by_form = {one.casefold(): one for one in sorted(known, reverse=True)}
    near = get_close_matches(name[:64].casefold(), by_form, n=1)
    return f"; did you mean {by_form[near[0]]}?" if near else ""
