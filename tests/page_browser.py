"""A real browser for the tests of the page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import playwright.sync_api as playwright
import pytest

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
BROWSED = [pytest.mark.page, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
]
PATIENCE = 300_000  # milliseconds: kernels are compiled when first asked for, and no test is about speed


@contextmanager
def chromium() -> Iterator[playwright.Browser]:
    """A browser without a window, as long as the context lasts."""
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


def opened(page: playwright.Page, server, place: str) -> playwright.Page:
    """Open a part of the page."""
    page.goto(server.address + "#/" + place)
    page.wait_for_selector("main h1")
    return page
