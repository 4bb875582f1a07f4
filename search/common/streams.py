"""The standard streams: closed, of another encoding than UTF-8, or no longer read."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any, TextIO

_NAMES = ("stdin", "stdout", "stderr")
_failures: dict[int, OSError] = {}  # by the stream's number


def open_closed_streams() -> None:
    """Replace each standard stream that was closed before Python started by the null device.

    Otherwise the next file that is opened would take its place, and processes that are started
    would write into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _discard(number)
    for name in _NAMES:
        if getattr(sys, name) is None:
            null = open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, null)


def guard_streams() -> None:
    """Have no write to stdout or stderr fail: the work behind it goes on, and is recorded.

    A letter that the terminal's encoding lacks is printed as its escape. After an error all that
    follows is dropped; `lost_output` has the error.
    """
    open_closed_streams()
    for name in _NAMES[1:]:
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _guarded(stream))


def lost_output() -> OSError | None:
    """The error that stdout had, if part of the output is lost; None if its reader had enough."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    error = _failures.get(1)
    return None if isinstance(error, BrokenPipeError) else error


class _Guarded(io.FileIO):
    """The bytes of a standard stream; what cannot be written is dropped."""

    def write(self, content: Any, /) -> int:
        try:
            while (written := super().write(content)) is None:
                select.select((), (self,), ())  # a full pipe that does not block
        except OSError as error:
            _failures.setdefault(self.fileno(), error)
            _discard(self.fileno())  # for the processes that are started from now on, too
            return memoryview(content).nbytes
        return written


def _guarded(stream: io.TextIOWrapper) -> TextIO:
    stream.flush()
    raw = _Guarded(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _discard(number: int) -> None:
    """Have a standard stream lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:
        os.set_inheritable(null, True)
    else:
        os.dup2(null, number)
        os.close(null)
