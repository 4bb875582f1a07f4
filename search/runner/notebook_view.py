"""The progress of a launch in a notebook: one output with a bar and a few lines."""

from __future__ import annotations

import html
import sys
import time
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.runner.tally import Tally, trial_line
from studyhall.search.study.observer import Observer
from studyhall.search.study.summary import StudySummary
from studyhall.search.study.trial_result import TrialResult

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

_REDRAW_SECONDS = 0.25  # between two redraws during a download, which has thousands of blocks


def usual_observer() -> Observer:
    """The observer of a caller who passes none: a view in a notebook, silent in a script."""
    ipython = sys.modules.get("IPython")  # a kernel of Jupyter's has imported it
    shell = ipython.get_ipython() if ipython else None
    return Observer() if getattr(shell, "kernel", None) is None else NotebookView()


class NotebookView(Observer):
    """Draws progress, counts and the best trial so far, in the output of the cell that launches.

    It ignores `running`: an output that changes every few seconds makes a notebook flicker. It
    needs no widgets, so that the output also shows where a notebook is only viewed.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # the uploader adds notes from its own thread
        self._handle: DisplayHandle | None = None
        self._notes: list[str] = []
        self._step = ""
        self._done, self._total = 0, 0
        self._name = ""
        self._tally: Tally | None = None
        self._drawn = 0.0

    @property
    def fetching(self) -> Self:
        """Steps of a fetch are drawn in the same place."""
        return self

    def start(self, description: str, total: int | None) -> None:
        """Begin a step of a fetch, in place of the one before."""
        self._step, self._done, self._total = description, 0, total or 0
        self._draw()

    def advance(self, amount: int) -> None:
        """Count bytes of the present step."""
        self._done += amount
        if time.monotonic() - self._drawn >= _REDRAW_SECONDS:
            self._draw()

    def note(self, message: str) -> None:
        """Show a message below all else."""
        self._notes.append(message)
        self._draw()

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """Put the study in the place of the fetch."""
        self._name, self._tally = spec.study.name, Tally(spec, summary)
        self._count()

    def trial(self, result: TrialResult) -> None:
        """Take in a finished trial."""
        if self._tally:
            self._tally.add(result)
            self._count()

    def _count(self) -> None:
        if self._tally:
            self._done, self._total = self._tally.finished, self._tally.wanted
        self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        with self._lock:
            text = "\n".join(self._lines())
            bar = f'<progress value="{self._done}" max="{self._total}"></progress>'
            output: dict[str, Any] = {
                "text/plain": text,
                "text/html": f"{bar if self._total else ''}<pre>{html.escape(text)}</pre>",
            }
            if self._handle is None:
                self._handle = display(output, raw=True, display_id=True)
            else:
                self._handle.update(output, raw=True)
            self._drawn = time.monotonic()

    def _lines(self) -> list[str]:
        if self._tally is None:
            return [self._step, *self._notes]
        latest = f"latest: {trial_line(self._tally.latest)}" if self._tally.latest else ""
        heading = f"{self._name}: {self._tally.finished} of {self._tally.wanted} trials"
        best = self._tally.best_value, self._tally.best_parameters
        lines = [f"{heading}: {self._tally.counts}", ": ".join(filter(None, best)), latest]
        return [line for line in (*lines, *self._notes) if line]
