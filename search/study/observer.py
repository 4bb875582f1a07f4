"""How a launch tells the one who started it how far it is: a contract, silent by default."""

from __future__ import annotations

from typing import Protocol

from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.summary import StudySummary
from studyhall.search.study.trial_result import TrialResult


class Observer(Protocol):
    """What a caller passes in to follow a launch; the command line draws it."""

    @property
    def fetching(self) -> Progress:
        """Where the fetch of the data reports to."""

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """The study starts, from where earlier launches left it."""

    def trial(self, result: TrialResult) -> None:
        """A trial ended."""

    def running(self, trials: int) -> None:
        """So many trials of the study run now, wherever that is; told every few seconds."""

    def note(self, message: str) -> None:
        """Something happened that the user should know."""


class Quiet:
    """The observer of a caller who wants none, so that no caller writes `if observer`."""

    fetching: Progress = SILENT

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """Show nothing."""

    def trial(self, result: TrialResult) -> None:
        """Show nothing."""

    def running(self, trials: int) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Show nothing."""
