"""The commands that a page of docs/ gives to copy, for the tests that type them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def commands(page: str, heading: str) -> list[str]:
    """The blocks of commands under a heading of a page, in their order."""
    section = (DOCS / page).read_text("utf-8").split(f"\n## {heading}\n", 1)[1]
    return re.findall(r"^```bash\n(.*?)^```$", section.split("\n## ", 1)[0], re.M | re.S)
