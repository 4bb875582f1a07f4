"""Waiting for what should happen, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds: what takes longer never happens, on a busy machine neither


def wait_for(
    condition: Callable[[], object], seconds: float = PATIENCE, pause: float = 0.05
) -> None:
    """Wait until something has happened; fail if it does not.

    Args:
        condition: Whether it has; an assertion in it ends the waiting too.
        seconds: How long to wait at most.
        pause: The time between two looks.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(pause)
