"""MLflow's UI in a real browser: what was opened, what it showed, and what the console said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect, sync_playwright

SECONDS = 60_000  # milliseconds: how long a busy machine may take to draw a page
_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# MLflow's own: it asks for a user that only its login has, and tells the browser's notice of a
# layout that took more than one pass as an error.
_KNOWN = ("/mlflow/users/current", "ResizeObserver loop completed")


class Visit:
    """A page of the browser, with all that went wrong on it.

    Attributes:
        page: Playwright's.
        errors: What the console told as an error, but for what is known of MLflow.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self._assistant_closed = False
        page.set_default_timeout(SECONDS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        told = f"{message.text} ({message.location['url']})"
        if message.type == "error" and not any(known in told for known in _KNOWN):
            self.errors.append(told)

    def open(self, address: str) -> Page:
        """Open an address as if it was typed in; the UI remembers nothing of the page before."""
        self.page.goto("about:blank")
        self.page.goto(address)
        # It opens with the first page, and takes a quarter of it.
        assistant = self.page.locator("[data-component-id='mlflow.assistant.chat_panel.close']")
        if not self._assistant_closed:
            assistant.click()
            self._assistant_closed = True
        return self.page

    @contextmanager
    def offline(self) -> Iterator[list[str]]:
        """Cut the network off; yields the addresses that pages ask for all the same."""
        asked: list[str] = []

        def hear(request: Request) -> None:
            if not request.url.startswith(("file:", "data:", "blob:")):
                asked.append(request.url)

        self.page.context.set_offline(True)
        self.page.on("request", hear)
        try:
            yield asked
        finally:
            self.page.remove_listener("request", hear)
            self.page.context.set_offline(False)

    def picture(self, path: Path, part: Locator | None = None) -> None:
        """Keep what the page, or a part of it, shows."""
        self.page.wait_for_timeout(500)  # what moves comes to rest
        (part or self.page).screenshot(path=path)


@contextmanager
def browser() -> Iterator[Visit]:
    """A new Chromium, without anything that an earlier one left."""
    expect.set_options(timeout=SECONDS)
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        visit = Visit(chromium.new_page(viewport={"width": 1440, "height": 860}))
        yield visit
        chromium.close()
