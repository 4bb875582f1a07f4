"""What docs/security.md gives to copy, for the tests that run it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"


def documented(language: str, named: Mapping[str, str]) -> str:
    """The page's one block in a language, with names of the test's own in place of its examples."""
    [block] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    for example, own in named.items():
        assert example in block, example
        block = block.replace(example, own)
    return block
