"""The mistakes that Studyhall explains in a sentence, and the exit codes they end with."""

from __future__ import annotations


class StudyhallError(Exception):
    """Work that failed for a reason that the message explains; the command line exits with 1."""

    exit_code = 1


class InterruptedStudyError(StudyhallError):
    """The user stopped a study that more work was to follow; the command line exits with 130."""

    exit_code = 130


class UsageError(StudyhallError):
    """A mistake in what the user gave; the command line exits with 2.

    The message reads ``FILE-or-OPTION: KEY: RULE, got VALUE; NEXT STEP`` in one sentence; it may
    hold several lines, one mistake a line.
    """

    exit_code = 2
