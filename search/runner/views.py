"""Choose the view of a launch's progress by where it is written to."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

from rich.console import Console

from studyhall.search.runner import json_log
from studyhall.search.runner.live_view import LiveView, PlainView
from studyhall.search.study.observer import Observer


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
