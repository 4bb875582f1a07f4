"""Progress callbacks of long work, and an implementation that does nothing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Callbacks for the steps of a fetch; the command line draws a progress bar with them."""

    def start(self, description: str, total: int | None) -> None:
        """Begin a step; the one before it has ended.

        Args:
            description: a few words for the user.
            total: the bytes of the step; None if unknown.
        """

    def advance(self, amount: int) -> None:
        """Count `amount` more bytes of the present step."""

    def note(self, message: str) -> None:
        """Show a sentence that stays visible, such as why another source is tried."""


class Silent:
    """A Progress that shows nothing, so that no function needs ``if progress``."""

    def start(self, description: str, total: int | None) -> None:
        """Show nothing."""

    def advance(self, amount: int) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""


SILENT = Silent()
