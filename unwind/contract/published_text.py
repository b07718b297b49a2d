"""Text as it may be published: one line, and nothing that a spreadsheet runs as a formula."""

import pandas as pd

from unwind.contract.text import is_printed, plain

# A cell that begins with one of these is a formula to a spreadsheet; the wide forms too.
FORMULA_SIGNS = tuple("=+-@＝＋－＠")
# Without an operand they are not formulas: the codes of `evidence.expected`, "--/-".
OPERATORS = frozenset("+-/")
ESCAPE = "'"


def published(values: pd.Series) -> pd.Series:
    """Text of a column as it is published; what is harmless, or null, stays as it is.

    Control, direction and line-break characters become spaces. Text that begins like a formula,
    a negative number too, gets an apostrophe before it, which spreadsheets do not show.
    """
    distinct = [text for text in values.dropna().unique() if isinstance(text, str)]
    changed = {text: line for text in distinct if (line := _published(text)) != text}
    return values.map(lambda text: changed.get(text, text)) if changed else values


def _published(text: str) -> str:
    line = text if is_printed(text) else plain(text)
    formula = line.startswith(FORMULA_SIGNS) and not OPERATORS.issuperset(line)
    return ESCAPE + line if formula else line
