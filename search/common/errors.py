"""Errors that Studyhall explains in a sentence, and their exit codes."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it accessible",
    errno.EPERM: "make it accessible",
    errno.EIO: "check the disk",
}


class StudyhallError(Exception):
    """Work that failed for a reason that the message explains; the command line exits with 1."""

    exit_code = 1


class InterruptedStudyError(StudyhallError):
    """The user stopped a study before its work was done; the command line exits with 130."""

    exit_code = 130


class UsageError(StudyhallError):
    """A mistake in the user's input; the command line exits with 2.

    The message reads ``FILE-or-OPTION: KEY: RULE, got VALUE; NEXT STEP`` in one sentence; it may
    hold several lines, one mistake a line.
    """

    exit_code = 2


def remedy(error: OSError) -> str | None:
    """What the user can do when a disk cannot be read or written; None if unknown."""
    return _REMEDIES.get(error.errno or 0)
