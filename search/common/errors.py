"""The mistakes that Studyhall explains in a sentence, and the exit codes they end with."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it accessible",
    errno.EPERM: "make it accessible",
    errno.EIO: "see to the disk",
}


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


def remedy(error: OSError) -> str | None:
    """What the user can do about a disk that did not take or give something; None if unknown."""
    return _REMEDIES.get(error.errno or 0)
