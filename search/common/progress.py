"""How long work tells the one who started it how far it is: a small contract, silent by default."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a caller passes in to see the steps of a fetch; the command line draws it."""

    def start(self, description: str, total: int | None) -> None:
        """Begin a step, which ends the one before it.

        Args:
            description: what the step does, for people.
            total: the bytes that it will go through; None where that is unknown.
        """

    def advance(self, amount: int) -> None:
        """Count `amount` more bytes of the present step."""

    def note(self, message: str) -> None:
        """Tell one sentence that should stay visible, such as why another source is tried."""


class Silent:
    """The Progress of a caller who wants none, so that no caller writes ``if progress``."""

    def start(self, description: str, total: int | None) -> None:
        """Show nothing."""

    def advance(self, amount: int) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""


SILENT = Silent()
