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
# Beyond this a cell holds no figure and no fund; its length shows that it was cut.
MAX_CELL = 65


def main() -> None:
    """Print the tables, outer ones before those inside them."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    json.dump(list(grids(sys.stdin.buffer.read())), sys.stdout)


def grids(content: bytes) -> Iterator[list[list[str]]]:
    """Yield each table's own rows; those of a table inside a cell are that table's."""
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
    tables: dict[Any, list[list[str]]] = {table: [] for table in root.iter("table")}
    for line in root.iter("tr"):
        table = next(line.iterancestors("table"), None)
        if table is not None:
            tables[table].append([_text(cell) for cell in line if cell.tag in ("td", "th")])
    yield from tables.values()


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
