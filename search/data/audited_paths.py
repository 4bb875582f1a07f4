"""Which files Python's audit events (PEP 578) are about, whatever they are called there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

# To open a file, or to give it another name by which it could be opened.
_FILES = {"open": 1, "os.link": 2, "os.symlink": 2, "os.rename": 2}  # how many paths come first
# To have a program do so.
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
EVENTS = frozenset({*_FILES, *_PROGRAMS})
_DESCRIPTORS = "/proc/self/fd"  # Linux; elsewhere nothing tells which folders are open


def audited_paths(event: str, arguments: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    """Yield each path that an event may be about: as it was given, and where it leads.

    A relative name may begin at the working folder, at a folder that the process has open (no event
    tells the `dir_fd`), or at a folder that a program is given.

    Args:
        event: One of `EVENTS`.
        arguments: What the audit tells of it.
    """
    if event in _FILES:
        given = list(_texts(arguments[: _FILES[event]]))
        relative = any(not os.path.isabs(path) for path in given)
        folders = list(_open_folders()) if relative else []
    else:
        given = [word for text in _texts(arguments) for word in (text, *text.split())]
        folders = [path for path in given if _is_folder(path)]
    for path in given:
        for folder in ("", *folders):
            for place in _places(os.path.join(folder, path)):
                yield path, place


def _texts(arguments: object) -> Iterator[str]:
    """All that may be a path among arguments; those of a program are a list."""
    if isinstance(arguments, str | bytes | os.PathLike):
        yield os.fsdecode(arguments)
    elif isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from _texts(argument)


def _places(path: str) -> Iterator[str]:
    """Where a path lies and, if that is a link, where it leads."""
    with suppress(OSError, ValueError):  # no working folder any more, or no path at all
        folder, name = os.path.split(path)
        yield os.path.join(os.path.realpath(folder), name)
        yield os.path.realpath(path)


def _open_folders() -> Iterator[str]:
    with suppress(OSError):
        for number in os.listdir(_DESCRIPTORS):
            with suppress(OSError):  # closed since
                place = os.readlink(f"{_DESCRIPTORS}/{number}")
                if os.path.isabs(place) and os.path.isdir(place):
                    yield place


def _is_folder(path: str) -> bool:
    with suppress(ValueError):
        return os.path.isdir(path)
    return False
