"""Numbers and values as text for people."""

from __future__ import annotations

import textwrap


def format_value(value: object) -> str:
    """A parameter's value as text, with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(number: int, thing: str) -> str:
    """A number with its noun, in the plural unless the number is one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shown(value: object, most: int = 200) -> str:
    """A value as an error shows it: as Python writes it, cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of thousands of digits
        return "a value that is too long to show"
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def first_line(text: str, most: int = 200) -> str:
    """The first line of an engine's message; where it is long, cut after a word."""
    lines = text.strip().splitlines()
    line = " ".join(lines[0].split()) if lines else ""
    if len(line) <= most:
        return line
    return (
        textwrap.shorten(line, most, placeholder="…") if " " in line[:most] else f"{line[:most]}…"
    )
