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
        if self.depth == 0 or event != "open" or isinstance(arguments[0], int | None):
            return
        path = os.fsdecode(arguments[0])
        if os.path.basename(path) in _SEALED:
            raise SealedError(
                f"{path}: the test split is sealed while trials are trained; only `studyhall "
                "evaluate` and `studyhall reproduce` read it"
            )


_seal = _Seal()


@contextmanager
def sealed_test_split() -> Iterator[None]:
    """Refuse to open the arrays of any test split in this process, whoever asks.

    What is refused is every way through Python: `open`, NumPy's memory maps, `os.open`. Code that
    calls the system around Python is beyond it.

    Raises:
        SealedError: the block tried to.
    """
    _seal.install()
    _seal.depth += 1
    try:
        yield
    finally:
        _seal.depth -= 1
