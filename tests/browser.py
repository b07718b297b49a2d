"""A headless Chromium for tests that look at a page, and a record of all that the page asked for.

Test modules import the `chromium` fixture and open pages with `visit`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def chromium_path() -> str | None:
    """The browser that CHROMIUM names, else the first on the path; None where there is none."""
    if named := os.environ.get("CHROMIUM"):
        if not Path(named).is_file():
            raise ValueError(f"CHROMIUM names {named}, which is no file; correct or unset it")
        return named
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    path = chromium_path()
    if path is None:
        pytest.skip(f"no browser: set CHROMIUM, or install one of {', '.join(NAMES)}")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """One opened page, every address it asked for, and every complaint of its console."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """Requests that left the machine: those that the page's own policy refused did not."""
        return [
            address
            for address in self.requests
            if not _stays(address) and address not in self.refused
        ]


def _stays(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in LOOPBACK


@contextmanager
def visit(
    browser: "Browser",
    address: str,
    *,
    width: int,
    height: int,
    scheme: Literal["light", "dark"],
    stored: str = "",
) -> Iterator[Visit]:
    """Open `address` in a fresh context and record what it does from its first request on.

    `stored` is JavaScript that runs before the page does: what the browser remembers of it.
    """
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.add_init_script(stored)
    opened = Visit(context.new_page())
    context.on("request", lambda request: opened.requests.append(request.url))
    context.on(
        "requestfailed",
        lambda request: opened.refused.append(request.url) if request.failure == "csp" else None,
    )
    opened.page.on("console", lambda message: opened.complaints.append(message.text))
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    try:
        opened.page.goto(address)
        yield opened
    finally:
        context.close()


def keep_picture(opened: Visit, name: str) -> None:
    """Save the page as UNWIND_SCREENSHOTS/<name>.png, for the docs; nothing where that is unset."""
    if folder := os.environ.get("UNWIND_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        opened.page.wait_for_timeout(2000)  # what a page draws after its texts: graphs, counts
        opened.page.screenshot(path=Path(folder) / f"{name}.png")
