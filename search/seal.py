"""The seal on the test split: while a trial is at work, its process cannot open that split."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.arrays import array_path
from search.catalog import KINDS
from search.errors import StudyhallError

_SEALED = frozenset(array_path(Path(), "test", kind).name for kind in (*KINDS, "checks"))

# To open it, to give it another name by which it could be opened, or to have a program do so.
_EVENTS = frozenset(
    {
        *("open", "os.link", "os.symlink", "os.rename"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"),
    }
)


class SealedError(StudyhallError):
    """A trial tried to open the test split."""


class _Seal:
    """Python's own audit (PEP 578) tells it of every file that is opened, whoever opens it."""

    def __init__(self) -> None:
        self.sources: list[str] = []  # one for each block that is under way; "" seals no source
        self._installed = False

    def install(self) -> None:
        """Listen from now on; there is no way to take that back."""
        if not self._installed:
            sys.addaudithook(self._refuse)
            self._installed = True

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.sources and event in _EVENTS:
            for path in _paths(arguments):
                if os.path.basename(path) in _SEALED or self._is_of_a_source(path):
                    raise SealedError(
                        f"{path}: the test split is sealed while trials are trained; only "
                        "`studyhall evaluate` and `studyhall reproduce` read it"
                    )

    def _is_of_a_source(self, path: str) -> bool:
        for source in filter(None, self.sources):
            if path == source or path.startswith(source + os.sep):
                return True
        return False


def _paths(arguments: object) -> Iterator[str]:
    """All that may be a path among what an event tells: arguments of a program too."""
    if isinstance(arguments, str | bytes | os.PathLike):
        text = os.fsdecode(arguments)
        yield text
        yield from text.split()  # a line for a shell
    elif isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from _paths(argument)


_seal = _Seal()


@contextmanager
def sealed_test_split(source: str | None = None) -> Iterator[None]:
    """Refuse to open the arrays of any test split in this process, whoever asks.

    What is refused are the ways through Python: `open`, NumPy's memory maps, `os.open`, another
    name for the file, a program that is given its name. Code that calls the system around Python,
    or a program that finds the file by itself, is beyond it.

    Args:
        source: The user's own data that the arrays were decoded from, which are sealed as well.

    Raises:
        SealedError: the block tried to.
    """
    _seal.install()
    _seal.sources.append(os.path.abspath(source) if source else "")
    try:
        yield
    finally:
        _seal.sources.pop()
