"""A chart as SVG, inline in a page or as a separate picture.

The same input gives the same bytes. Text stays text, colours are CSS variables
(`palette`) so that a page can turn dark, every id bears the chart's name so that
many fit on one page, and there is no inline style, so that a page may forbid it.
"""

from __future__ import annotations

import io
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from unwind.report.charts.palette import PALETTE, PAPER, ROLE_OF

if TYPE_CHECKING:
    # Charts are drawn in a run; what only reads their captions does not wait for the library.
    from matplotlib.figure import Figure


_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "svg.fonttype": "none",
    "svg.hashsalt": "unwind",
    "text.parse_math": False,
}
# matplotlib's style is global, and Prefect runs tasks in threads.
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def styled(drawn: int, *, of: str = "session") -> Iterator[None]:
    """Apply the report's style, one chart at a time; refuse an empty chart."""
    if drawn < 1:
        raise ValueError(f"a chart needs at least 1 {of}, got 0; say so in words instead")
    from matplotlib import style

    with _ONE_AT_A_TIME, style.context(["default", _STYLE]):
        yield


def svg_of(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Return the figure as SVG for inline use: see the module's docstring."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    output = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(output, metadata=no_metadata)
    root = ET.fromstring(output.getvalue())
    box = root.attrib["viewBox"]
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.text = (element.text or "").strip()
        element.tail = None
        for sheet in element.findall("{*}style"):
            element.remove(sheet)
        attributes = {key.rpartition("}")[2]: text for key, text in element.attrib.items()}
        if element.tag == "g":
            attributes.pop("id", None)
        attributes |= _declarations(attributes.pop("style", ""))
        element.attrib = {key: _attribute(key, text, name) for key, text in attributes.items()}
    root.attrib = {
        "class": "chart",
        "viewBox": box,
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-description",
    }
    for index, (tag, part, text) in enumerate(
        (("title", "title", title), ("desc", "description", description))
    ):
        label = ET.Element(tag, {"id": f"{name}-{part}"})
        label.text = text
        root.insert(index, label)
    return ET.tostring(root, encoding="unicode")


def _declarations(text: str) -> dict[str, str]:
    """Turn a style into presentation attributes: a strict page refuses inline style."""
    pairs = (part.partition(":") for part in text.split(";") if part.strip())
    named = {key.strip(): value.strip() for key, _, value in pairs}
    named.pop("font-family", None)
    return named


def _attribute(key: str, text: str, name: str) -> str:
    match key:
        case "id":
            return f"{name}-{text}"
        case "href" | "clip-path":
            return text.replace("#", f"#{name}-")
        case "d":
            # Two decimals of a pixel are enough, and drop digits that differ between machines.
            return re.sub(r"(\.\d\d)\d+", r"\1", " ".join(text.split()))
        case "fill" | "stroke":
            return re.sub(r"#0101[0-9a-f]{2}", lambda hit: f"var(--chart-{ROLE_OF[hit[0]]})", text)
        case _:
            return text


def picture_address(svg: str) -> str:
    """Turn a chart of a page into a `data:` address of a picture, light colours on paper.

    A picture has no access to the page's variables, so its colours are literal.
    """
    shades = {role: light for role, (light, _) in PALETTE.items()}
    drawn = re.sub(r"var\(--chart-(\w+)\)", lambda hit: shades[hit[1]], svg)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawn)
    if box is None:
        raise ValueError('a chart must say its size as viewBox="0 0 …", got none; use svg_of')
    width, height = box.groups()
    margin = 12.0
    outer = f"{float(width) + 2 * margin:g}", f"{float(height) + 2 * margin:g}"
    page = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{outer[0]}" height="{outer[1]}" '
        f'font-family="sans-serif" font-size="11" fill="{shades["ink"]}">'
        f'<rect width="100%" height="100%" fill="{PAPER[0]}"/>'
        f'<svg x="{margin:g}" y="{margin:g}" width="{escape(width)}" height="{escape(height)}" '
        f'overflow="visible"{drawn.removeprefix("<svg")}</svg>'
    )
    return "data:image/svg+xml," + quote(page, safe="/:=;,")
