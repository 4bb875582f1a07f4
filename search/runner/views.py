"""Views of a launch: live on a terminal, a line per event elsewhere, JSON if asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from studyhall.search.common.words import counted
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.runner import json_log
from studyhall.search.runner.tally import Tally, TimeLeft, trial_line
from studyhall.search.study.observer import Observer
from studyhall.search.study.summary import StudySummary
from studyhall.search.study.trial_result import TrialResult


def observer(quiet: bool = False) -> AbstractContextManager[Observer]:
    """The view of the progress: live on a terminal, plain lines elsewhere, JSON if asked for.

    Progress goes to stderr, so that stdout holds results alone.
    """
    if json_log.wanted():
        return json_log.JsonLog(quiet)
    console = Console(stderr=True)
    # FORCE_COLOR makes a log a terminal to Rich: colours may be forced, redraws may not.
    terminal = console.is_terminal and sys.stderr.isatty()
    if terminal and not console.is_dumb_terminal and not quiet:
        return LiveView(console)
    return PlainView(console, quiet)


class PlainView(Observer):
    """Writes a line for each event; for pipes, logs and `--quiet`, which keeps notes alone."""

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._tally: Tally | None = None

    @property
    def fetching(self) -> Self:
        """Steps of a fetch are lines too."""
        return self

    def start(self, description: str, total: int | None) -> None:
        """Begin a step of a fetch."""
        self._line(description)

    def advance(self, amount: int) -> None:
        """Show nothing: a line for every block would fill a log."""

    def note(self, message: str) -> None:
        """Write a message that the user should see."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """Say that the study starts."""
        self._tally = Tally(spec, summary)
        done = f", {summary.finished} done before" if summary.finished else ""
        trials, workers = counted(spec.study.trials, "trial"), counted(jobs, "worker")
        self._line(f"{spec.study.name}: {trials} on {workers}{done}")

    def trial(self, result: TrialResult) -> None:
        """Write a finished trial's line."""
        if self._tally:
            tally = self._tally
            tally.add(result)
            done = f"[{tally.finished}/{tally.wanted}]"
            self._line(f"{done}  {trial_line(result)}  {tally.best_value}")

    def _line(self, text: str) -> None:
        if not self._quiet:
            self.note(text)


class LiveView(Observer):
    """Draws progress, counts and the best trial so far, in place."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._bytes = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console
        )
        self._trials = Progress(
            # The bar takes what is left of a narrow terminal; a long name is cut first.
            TextColumn("{task.description}", table_column=Column(no_wrap=True, max_width=20)),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            # Not Rich's own, which forgets whatever ended more than half a minute ago.
            TextColumn("left {task.fields[left]}", style="progress.remaining"),
            console=console,
            expand=True,
            get_time=clock,
        )
        self._step: TaskID | None = None
        self._task: TaskID | None = None
        self._tally: Tally | None = None
        self._left: TimeLeft | None = None
        self._running: int | None = None
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the last state on the screen."""
        self._live.stop()

    @property
    def fetching(self) -> Self:
        """Steps of a fetch have a bar of their own."""
        return self

    def start(self, description: str, total: int | None) -> None:
        """Begin a step of a fetch, in place of the one before."""
        if self._step is not None:
            self._bytes.remove_task(self._step)
        self._step = self._bytes.add_task(description, total=total)

    def advance(self, amount: int) -> None:
        """Count bytes of the present step."""
        if self._step is not None:
            self._bytes.advance(self._step, amount)

    def running(self, trials: int) -> None:
        """Take in how many trials run now."""
        self._running = trials

    def note(self, message: str) -> None:
        """Write a message above the live part."""
        self._console.print(message, markup=False, highlight=False)

    def begin(self, spec: StudySpec, summary: StudySummary, jobs: int) -> None:
        """Put the study in the place of the fetch."""
        if self._step is not None:
            self._bytes.remove_task(self._step)
            self._step = None
        self._tally = Tally(spec, summary)
        self._left = TimeLeft(self._clock, summary.wanted - summary.finished, jobs)
        self._task = self._trials.add_task(
            spec.study.name, total=summary.wanted, completed=summary.finished, left=self._left
        )

    def trial(self, result: TrialResult) -> None:
        """Take in a finished trial."""
        if self._tally and self._left and self._task is not None:
            self._tally.add(result)
            self._left.trial()
            self._trials.advance(self._task)

    def _render(self) -> RenderableType:
        if self._tally is None:
            return self._bytes
        tally = self._tally
        running = "" if self._running is None else f", {self._running} running"
        lines = [tally.counts + running, tally.best_value]
        if tally.latest:
            lines.append(f"latest: {trial_line(tally.latest)}")
        # A line each, however narrow the terminal is, so that nothing jumps.
        short = [Text(f"  {x}", overflow="ellipsis", no_wrap=True) for x in lines if x]
        values = Padding(Text(tally.best_parameters), (0, 0, 0, 4))
        return Group(
            self._trials, *short[:2], *([values] if tally.best_parameters else []), *short[2:]
        )
