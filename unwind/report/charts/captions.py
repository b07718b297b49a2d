"""A chart at both widths, with its caption."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from unwind.report.charts.drawing import NARROW, WIDE


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart at both widths and its caption; with nothing to draw, the caption alone."""

    caption: str
    wide: str = ""
    narrow: str = ""


def picture(caption: str, draw: Callable[[int, str], str], *, name: str) -> Picture:
    """Draw for a page and for a telephone; `draw` takes a width and a name for the ids."""
    # Every text inside was escaped by the SVG writer.
    wide, narrow = (
        Markup(draw(width, f"{name}-{size}"))
        for width, size in ((WIDE, "wide"), (NARROW, "narrow"))
    )
    return Picture(caption, wide, narrow)


@dataclass(frozen=True, slots=True)
class Titled:
    """A picture under a heading of its own."""

    title: str
    name: str
    picture: Picture
