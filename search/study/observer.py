"""Progress callbacks of a launch, and a no-op implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from studyhall.search.common.progress import SILENT, Progress

if TYPE_CHECKING:  # the command line's JSON log imports this without Optuna
    from studyhall.search.config.study_spec import StudySpec
    from studyhall.search.study.summary import StudySummary
    from studyhall.search.study.trial_result import TrialResult


class Observer(Progress):
    """Follows a launch, and shows nothing; a subclass overrides the callbacks that it needs."""

    def __enter__(self) -> Self:
        """Begin to show progress."""
        return self

    def __exit__(self, *error: object) -> None:
        """End what `__enter__` began."""

    @property
    def fetching(self) -> Progress:
        """Receives the progress of fetching the data."""
        return SILENT

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """Called when the study starts, with what earlier launches left of it."""

    def trial(self, result: TrialResult) -> None:
        """Called when a trial has ended."""

    def running(self, trials: int) -> None:
        """Called every few seconds with the number of trials that run now, on all machines."""

    def note(self, message: str) -> None:
        """Called with a message that the user should see."""
