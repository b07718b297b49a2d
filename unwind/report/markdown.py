"""Markdown with external text escaped."""

import re

from unwind.report.format import Grid


def escape_markdown(text: str) -> str:
    """Escape markdown and HTML in a text that does not begin a line.

    Emphasis, code, links, tables, formulas, bare addresses and short codes need one of the
    characters escaped here (CommonMark §2.4 allows a backslash before any of them). Marks that act
    only at the beginning of a line (#, -, 1.) never begin one in these artifacts.
    """
    disarmed = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A bare www. is a link where GitHub's extensions are on, as they are in Prefect's pages.
    return re.sub(r"([\\`*_\[\]|~$@]|:(?=/)|(?<=www)\.)", r"\\\1", disarmed, flags=re.IGNORECASE)


def markdown_table(grid: Grid) -> str:
    """Write a grid as a table, with a column for the reason of a null."""
    heads = [escape_markdown(heading.text) for heading in grid.headings]
    lines = [
        f"| {' | '.join([*heads, 'Note'])} |",
        f"| {' | '.join('---:' if head.numeric else '---' for head in grid.headings)} | --- |",
    ]
    lines += [
        f"| {' | '.join(escape_markdown(text) for text in (*line.cells, line.reason or ''))} |"
        for line in grid.lines
    ]
    return "\n".join(lines)
