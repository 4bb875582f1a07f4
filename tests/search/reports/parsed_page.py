"""Parse an HTML page without a browser."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

EMPTY = {"br", "img", "link", "meta"}


@dataclass
class Page:
    """A parsed page: its elements' attributes by name, its text, and its figures."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def all(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [attributes for element, attributes in self.elements if element == name]

    @property
    def titles(self) -> set[str | None]:
        """The ids of its sections."""
        return {section["id"] for section in self.all("section")}


def parsed(content: bytes) -> Page:
    """Read a page; fails if an element is closed that is not open, or left open."""
    reader = _Reader()
    reader.feed(content.decode())
    reader.close()
    assert reader.open == []
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self.open = Page(), list[str]()
        self._figure: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, dict(attrs)))
        self._figure = dict(attrs).get("data-figure")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            if self._figure:
                self.page.figures[self._figure] = json.loads(data)
        elif self.open[-1:] != ["style"]:
            self.page.text += data
