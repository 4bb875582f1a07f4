"""The seal on the test split: while a trial runs, its process cannot open test data.

Sealed are the decoded test arrays of every data set and, if the data come from files that the user
named, those files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.common.errors import StudyhallError
from studyhall.search.data.arrays import array_path
from studyhall.search.data.catalog import DATA_VARIABLE, KINDS
from studyhall.search.data.datasets import dataset_info
from studyhall.search.data.own_folder import ImageFolder
from studyhall.search.data.published import Published

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

_SEALED = frozenset(array_path(Path(), "test", kind).name for kind in (*KINDS, "checks"))
# Audit events (PEP 578) that open a file or give it another name, with their number of paths.
_FILE_EVENTS = {"open": 1, "os.link": 2, "os.symlink": 2, "os.rename": 2}
# Audit events that start a program, which could open a file that is named in its arguments.
_PROGRAM_EVENTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"})
_EVENTS = frozenset({*_FILE_EVENTS, *_PROGRAM_EVENTS})
_DESCRIPTORS = "/proc/self/fd"  # Linux only; other systems do not list a process's open folders


class SealedError(StudyhallError):
    """A trial tried to open the test split."""


_sealed_sources: list[Collection[str]] = []  # those of each sealed block that is running


@cache
def _install_hook() -> None:
    """Have Python call `_refuse` on each audit event (PEP 578). A hook cannot be removed."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if _sealed_sources and event in _EVENTS:
        for given, path in audited_paths(event, arguments):
            if os.path.basename(path) in _SEALED or _in_a_source(path):
                raise SealedError(
                    f"{given}: the test split is sealed while trials are trained; only "
                    "`studyhall evaluate` and `studyhall reproduce` read it"
                )


def _in_a_source(path: str) -> bool:
    sources = (source for sealed in _sealed_sources for source in sealed)
    return any(path == source or path.startswith(source + os.sep) for source in sources)


@contextmanager
def sealed_test_split(sources: Collection[str] = ()) -> Iterator[None]:
    """Refuse to open test arrays, of any data set, in this process.

    This covers the ways through Python: `open`, NumPy's memory maps, `os.open`, another name for
    the file, and a program that gets the file's name, by any relative path or link. It does not
    cover native code that calls the operating system directly, nor a program that finds the file
    without its name.

    Args:
        sources: Files and folders of the user that are sealed too, from `sealed_sources`.

    Raises:
        SealedError: the block tried to open one of them.
    """
    _install_hook()
    _sealed_sources.append(sources)
    try:
        yield
    finally:
        _sealed_sources.pop()


def sealed_sources(
    settings: DataSettings, needed: Iterable[Path | str], data_dir: Path | str | None = None
) -> tuple[str, ...]:
    """Find the user's files and folders on this machine that a study's data were decoded from.

    Other files beside them stay open, because a launch may keep its journal and its cache there.

    Args:
        settings: The study's `[data]`.
        needed: Files and folders that a trial opens, or addresses; a folder around one of them is
            not sealed.
        data_dir: Where the data are instead; by default the folder in STUDYHALL_DATA, if it is set.

    Returns:
        The paths with links resolved. If `data_dir` replaces `data.path`, those of both; none if
        the data were downloaded or generated.
    """
    named = data_dir or os.environ.get(DATA_VARIABLE)
    if settings.path:
        places = [Path(os.path.expanduser(place)) for place in (named, settings.path) if place]
        held = [
            path
            for place in places
            for path in (ImageFolder(place).holders if place.is_dir() else (place,))
        ]
    elif named and isinstance(origin := dataset_info(settings).origin, Published):
        held = origin.files(Path(os.path.expanduser(named)))
    else:
        held = []
    opened = [os.path.realpath(path) + os.sep for path in needed if isinstance(path, Path)]
    found = dict.fromkeys(os.path.realpath(path) for path in held)
    return tuple(path for path in found if not any(o.startswith(path + os.sep) for o in opened))


def audited_paths(event: str, arguments: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    """Yield each path that an audit event may refer to: as it was given, and resolved.

    A relative path may start at the working folder, at a folder that the process has open (the
    event does not contain the `dir_fd`), or at a folder in a program's arguments.
    """
    if event in _FILE_EVENTS:
        given = list(_texts(arguments[: _FILE_EVENTS[event]]))
        relative = any(not os.path.isabs(path) for path in given)
        folders = list(_open_folders()) if relative else []
    else:
        given = [word for text in _texts(arguments) for word in (text, *text.split())]
        folders = [path for path in given if os.path.isdir(path)]
    for path in given:
        for folder in ("", *folders):
            for resolved in _resolved(os.path.join(folder, path)):
                yield path, resolved


def _texts(arguments: object) -> Iterator[str]:
    """Yield every argument that may be a path; a program's arguments are a list."""
    if isinstance(arguments, str | bytes | os.PathLike):
        yield os.fsdecode(arguments)
    elif isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from _texts(argument)


def _resolved(path: str) -> Iterator[str]:
    """Yield the path with its folder's links resolved and, if it is a link itself, its target."""
    with suppress(OSError, ValueError):  # the working folder was deleted, or this is not a path
        folder, name = os.path.split(path)
        yield os.path.join(os.path.realpath(folder), name)
        yield os.path.realpath(path)


def _open_folders() -> Iterator[str]:
    with suppress(OSError):
        for number in os.listdir(_DESCRIPTORS):
            with suppress(OSError):  # it was closed meanwhile
                folder = os.readlink(f"{_DESCRIPTORS}/{number}")
                if os.path.isabs(folder) and os.path.isdir(folder):
                    yield folder
