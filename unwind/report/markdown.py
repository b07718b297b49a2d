"""Markdown that no text from outside can turn into anything else."""

import re

from unwind.report.format import Grid


def escape_markdown(text: str) -> str:
    """Disarm markdown and HTML in a text that does not begin a line.

    Emphasis, code, links, tables, formulas, bare addresses and short codes need one of the
    characters escaped here (CommonMark §2.4 lets a backslash stand before any of them); marks
    that act only at the beginning of a line (#, -, 1.) never stand there in these artifacts.
    """
    disarmed = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A bare www. is a link where GitHub's extensions are on, as they are in Prefect's pages.
    return re.sub(r"([\\`*_\[\]|~$@]|:(?=/)|(?<=www)\.)", r"\\\1", disarmed, flags=re.IGNORECASE)


def markdown_table(grid: Grid) -> str:
    """Write a grid as a table; the reason of a null stands in a column of its own."""
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
