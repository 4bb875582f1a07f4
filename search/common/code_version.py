"""Which code a process runs: trials of one study are of one code, whoever does them."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

from studyhall.search.common.source_tree import source_digest

_LIBRARIES = ("numpy", "optuna", "scipy", "cmaes", "safetensors")  # on which results depend


@cache
def code_version() -> dict[str, str]:
    """The versions on which a trial's result depends, by name; Studyhall's with its files' digest.

    A package that was installed says nothing of a commit, and a checkout may have been changed.
    """
    return {
        "studyhall": f"{version('studyhall')} ({source_digest()[:12]})",
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{library: version(library) for library in _LIBRARIES},
    }


def difference(other: dict[str, str]) -> str | None:
    """How another process's code differs from this one's, in words; None if it does not."""
    own = code_version()
    found = [
        f"{name} {other.get(name, 'missing')}, here {own[name]}"
        for name in own
        if other.get(name) != own[name]
    ]
    return "; ".join(found) or None
