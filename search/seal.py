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

# To open it, or to give it another name by which it could be opened.
_EVENTS = frozenset({"open", "os.link", "os.symlink", "os.rename"})


class SealedError(StudyhallError):
    """A trial tried to open the test split."""


class _Seal:
    """Python's own audit (PEP 578) tells it of every file that is opened, whoever opens it."""

    def __init__(self) -> None:
        self.depth = 0
        self._installed = False

    def install(self) -> None:
        """Listen from now on; there is no way to take that back."""
        if not self._installed:
            sys.addaudithook(self._refuse)
            self._installed = True

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.depth == 0 or event not in _EVENTS:
            return
        for path in arguments[:2]:
            if isinstance(path, str | bytes | os.PathLike) and _is_sealed(os.fsdecode(path)):
                raise SealedError(
                    f"{os.fsdecode(path)}: the test split is sealed while trials are trained; only "
                    "`studyhall evaluate` and `studyhall reproduce` read it"
                )


def _is_sealed(path: str) -> bool:
    return os.path.basename(path) in _SEALED


_seal = _Seal()


@contextmanager
def sealed_test_split() -> Iterator[None]:
    """Refuse to open the arrays of any test split in this process, whoever asks.

    What is refused is every way through Python: `open`, NumPy's memory maps, `os.open`, another
    name for the file. Another program, or code that calls the system around Python, is beyond it.

    Raises:
        SealedError: the block tried to.
    """
    _seal.install()
    _seal.depth += 1
    try:
        yield
    finally:
        _seal.depth -= 1
