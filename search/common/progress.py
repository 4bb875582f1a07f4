"""Progress callbacks of long work."""

from __future__ import annotations


class Progress:
    """Callbacks for the steps of a fetch, which show nothing; a subclass overrides them.

    The command line draws a progress bar with them.
    """

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


SILENT = Progress()
