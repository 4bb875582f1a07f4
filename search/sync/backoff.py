"""How long MLflow is left alone while it does not answer, and what the user is told of it."""

from __future__ import annotations

from collections.abc import Callable

from studyhall.search.tracking.mlflow_errors import (
    ArtifactStoreError,
    MlflowAwayError,
    MlflowDeniedError,
)

LONGEST_PAUSE = 30.0  # seconds


class Backoff:
    """The time from MLflow's first failure to the next success.

    Args:
        notify: Told once that MLflow is away, when the second try has failed too, and once that it
            is back.
    """

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._failures = 0
        self._pause = 1.0
        self._sent_before = 0

    def failed(self, error: Exception, sent: int) -> float:
        """Take in a failure; return how many seconds to wait: 1, 2, 4 and so on.

        Args:
            error: What went wrong.
            sent: How many records have been sent so far.
        """
        self._failures += 1
        if self._failures == 1:
            self._sent_before = sent
        if self._failures == 2:
            self._notify(_complaint(error))
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def over(self, sent: int) -> None:
        """Take in that all went well; `sent` as above."""
        if self._failures >= 2:
            count = sent - self._sent_before
            self._notify(f"MLflow is back; {count} record{'' if count == 1 else 's'} sent")
        self._failures = 0
        self.hurry()

    def hurry(self) -> None:
        """Begin anew with short pauses: someone waits for what is sent."""
        self._pause = 1.0


def _complaint(error: Exception) -> str:
    if isinstance(error, MlflowDeniedError):
        return f"MLflow does not take records ({error.reason}): training goes on, records wait"
    if isinstance(error, ArtifactStoreError):
        return f"{error.reason}: training goes on, records wait"
    if isinstance(error, MlflowAwayError):
        return f"MLflow does not answer ({error.reason}): training goes on, records wait"
    return f"records cannot be sent ({error}): training goes on, records wait"
