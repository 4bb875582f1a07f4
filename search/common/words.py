"""Numbers and values as text for people."""

from __future__ import annotations


def format_value(value: object) -> str:
    """A parameter's value as text, with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(number: int, thing: str) -> str:
    """A number with its noun, in the plural unless the number is one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
