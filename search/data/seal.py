"""The seal on the test split: while a trial is at work, its process cannot open that split."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studyhall.search.common.errors import StudyhallError
from studyhall.search.data.arrays import array_path
from studyhall.search.data.audited_paths import EVENTS, audited_paths
from studyhall.search.data.catalog import KINDS

_SEALED = frozenset(array_path(Path(), "test", kind).name for kind in (*KINDS, "checks"))


class SealedError(StudyhallError):
    """A trial tried to open the test split."""


class _Seal:
    """Python's own audit (PEP 578) tells it of every file that is opened, whoever opens it."""

    def __init__(self) -> None:
        self.blocks: list[Collection[str]] = []  # under way, each with the sources that it seals
        self._installed = False

    def install(self) -> None:
        """Listen from now on; there is no way to take that back."""
        if not self._installed:
            sys.addaudithook(self._refuse)
            self._installed = True

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.blocks and event in EVENTS:
            for given, path in audited_paths(event, arguments):
                if os.path.basename(path) in _SEALED or self._is_of_a_source(path):
                    raise SealedError(
                        f"{given}: the test split is sealed while trials are trained; only "
                        "`studyhall evaluate` and `studyhall reproduce` read it"
                    )

    def _is_of_a_source(self, path: str) -> bool:
        sources = (source for block in self.blocks for source in block)
        return any(path == source or path.startswith(source + os.sep) for source in sources)


_seal = _Seal()


@contextmanager
def sealed_test_split(sources: Collection[str] = ()) -> Iterator[None]:
    """Refuse to open the arrays of any test split in this process, whoever asks.

    What is refused are the ways through Python: `open`, NumPy's memory maps, `os.open`, another
    name for the file, a program that is given its name; by whatever relative path or link. Code
    that calls the system around Python, or a program that finds the file by itself, is beyond it.

    Args:
        sources: Files and folders with the user's own data that the arrays were decoded from, which
            are sealed as well, from `studyhall.search.data.sealed_sources`.

    Raises:
        SealedError: the block tried to.
    """
    _seal.install()
    _seal.blocks.append(sources)
    try:
        yield
    finally:
        _seal.blocks.pop()
