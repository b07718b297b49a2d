"""Tables of a saved page, cell by cell: a program of its own, so that no page can hold up the desk.

Reads HTML from standard input and prints its tables as JSON, within a bound on memory and on
processor time. Nothing of the desk is imported; the page is neither run nor followed.
"""

import json
import resource
import sys
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from typing import Any

MAX_MEMORY = 1024**3
MAX_SECONDS = 5
MAX_ELEMENTS = 500_000
# What a table would fill where every cell is laid out over its spans.
MAX_CELLS = 500_000
# HTML's own bound.
MAX_COLSPAN = 1000
# Beyond this a cell holds no figure and no fund; its length shows that it was cut.
MAX_CELL = 65


def main() -> None:
    """Print the tables, outer ones before those inside them."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    json.dump(list(grids(sys.stdin.buffer.read())), sys.stdout)


def grids(content: bytes) -> Iterator[list[list[str]]]:
    """Yield each table's own rows; those of a table inside a cell are that table's.

    A cell that spans columns or rows counts in each of them, as a browser lays a table out.
    pandas.read_html does that too. It fills the memory on the spans of a hostile page (1,000
    columns by 60,000 rows a cell), and reads figures as numbers before their form was checked.
    """
    try:
        from lxml import html
    except ImportError:
        raise SystemExit("no lxml to read it with: pip install lxml, or save it as CSV") from None
    # The HTML parser knows no entities but HTML's own, so nothing expands; it opens no address.
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    root = html.parse(BytesIO(content), parser=parser).getroot()
    if root is None:
        return
    for number, _ in enumerate(root.iter()):
        if number > MAX_ELEMENTS:
            raise SystemExit(f"it has more than {MAX_ELEMENTS:,} elements")
    # Rows of a table by the part (thead, tbody, tfoot) that holds them: no cell spans two parts.
    tables: dict[Any, dict[Any, list[Any]]] = {table: {} for table in root.iter("table")}
    for line in root.iter("tr"):
        table = next(line.iterancestors("table"), None)
        if table is not None:
            tables[table].setdefault(line.getparent(), []).append(line)
    left = MAX_CELLS
    for parts in tables.values():
        rows: list[list[str]] = []
        for lines in parts.values():
            laid = _laid_out(lines, left)
            left -= sum(1 + len(row) for row in laid)
            rows += laid
        yield rows


def _laid_out(lines: list[Any], most: int) -> list[list[str]]:
    """Put each cell into every column and row that it spans; `most` cells in all."""
    rows: list[list[str]] = []
    # Column → text, and in how many further rows a cell from above still stands.
    above: dict[int, tuple[str, int]] = {}
    cells = 0
    for number, line in enumerate(lines):
        row: dict[int, str] = {place: text for place, (text, _) in above.items()}
        above = {place: (text, more - 1) for place, (text, more) in above.items() if more > 1}
        place = 0
        for cell in line:
            if cell.tag not in ("td", "th"):
                continue
            while place in row:
                place += 1
            text, rest = _text(cell), len(lines) - number
            wide = min(_span(cell, "colspan", default=1) or 1, MAX_COLSPAN)
            tall = min(_span(cell, "rowspan", default=1) or rest, rest)
            for column in range(place, place + wide):
                row[column] = text
                if tall > 1:
                    above[column] = (text, tall - 1)
            place += wide
        width = max(row, default=-1) + 1
        cells += 1 + width
        if cells > most:
            raise SystemExit(f"it has more than {MAX_CELLS:,} cells where they are laid out")
        rows.append([row.get(column, "") for column in range(width)])
    return rows


def _span(cell: Any, name: str, *, default: int) -> int:
    """Read a span as HTML does: digits, or else the default; 0 rows are all that follow."""
    written = (cell.get(name) or "").strip()
    return int(written[:6]) if written[:6].isascii() and written[:6].isdigit() else default


def _text(cell: Any) -> str:
    """Return the beginning of a cell's text on one line."""
    words: list[str] = []
    size = 0
    for text in chain.from_iterable(part.split() for part in cell.itertext()):
        words.append(text[:MAX_CELL])
        size += len(text) + 1
        if size > MAX_CELL:
            break
    return " ".join(words)[:MAX_CELL]


if __name__ == "__main__":
    main()
