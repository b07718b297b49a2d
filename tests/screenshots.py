"""Pictures for the docs, taken in Chromium from the report of a simulated lake.

`make screenshots` runs the demo and then `python -m tests.screenshots LAKE FOLDER`. Real data never
goes into a picture: a report that does not say SIMULATED DATA is refused.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

from tests.browser import ARGUMENTS, chromium_path, visit
from unwind.report.digest import SIMULATED

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH = 1200
MARGIN = 16
LARGEST = 250_000  # bytes: a page of docs must not weigh more than its text


@dataclass(frozen=True)
class Shot:
    """What a picture shows: from the top of the first element to the foot of the last."""

    name: str
    scheme: Literal["light", "dark"]
    first: str
    last: str


SHOTS = (
    Shot("report-light", "light", ".page > header", "nav"),
    Shot("report-dark", "dark", ".page > header", "nav"),
    Shot("correlations", "light", "#correlations", "#correlations ~ figure"),
    Shot("mechanisms-light", "light", "#mechanisms", "#basis-history + figure"),
    Shot("mechanisms-dark", "dark", "#flow", "#barriers + figure"),
)


def save(page: "Page", target: Path, *, first: str, last: str) -> None:
    """Write the part of an open page between two elements, below the report's banner.

    Raises
    ------
    ValueError
        An element is not there, or the picture is too heavy for the docs.
    """
    boxes = [page.locator(name).first.bounding_box() for name in (first, last)]
    if None in boxes:
        raise ValueError(f"{first} or {last} is not on the page; name elements that are")
    banner = page.locator(".simulated")
    above = banner.bounding_box()["height"] if banner.count() else 0.0
    height = boxes[1]["y"] + boxes[1]["height"] - boxes[0]["y"] + above + 2 * MARGIN
    # As tall as the picture: the banner stands at its top, and nothing is cut.
    page.set_viewport_size({"width": WIDTH, "height": int(height)})
    page.evaluate("top => scrollTo(0, top)", boxes[0]["y"] - above - MARGIN)
    page.screenshot(path=target)
    if target.stat().st_size > LARGEST:
        raise ValueError(
            f"{target.name} weighs {target.stat().st_size} bytes, at most {LARGEST}; show less"
        )


def main(lake: Path, folder: Path) -> None:
    """Take every picture of the newest report of a lake."""
    reports = sorted((lake / "reports").glob("*/*.html"))
    if not reports:
        raise ValueError(f"{lake} holds no report; run `make demo` first")
    report = reports[-1]
    if SIMULATED not in report.read_text(encoding="utf-8"):
        raise ValueError(f"{report} shows real data; take pictures of a simulated lake only")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        address = report.absolute().as_uri()
        for shot in SHOTS:
            with visit(browser, address, width=WIDTH, height=900, scheme=shot.scheme) as opened:
                save(opened.page, folder / f"{shot.name}.png", first=shot.first, last=shot.last)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
