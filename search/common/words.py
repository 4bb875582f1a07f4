"""Numbers and values as people read them."""

from __future__ import annotations


def format_value(value: object) -> str:
    """A parameter's value, in as many digits as people read."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(number: int, thing: str) -> str:
    """A number of things, in the plural where there is not one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
