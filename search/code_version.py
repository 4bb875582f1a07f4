"""Which code a process runs: trials of one study are of one code, whoever does them."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("numpy", "optuna", "scipy", "cmaes", "safetensors")  # on which results depend


@cache
def code_version() -> dict[str, str]:
    """The versions on which a trial's result depends, by name; Studyhall's with its files' digest.

    A package that was installed says nothing of a commit, and a checkout may have been changed.
    """
    folder, digest = Path(__file__).resolve().parent, hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *(folder.parent / "model").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return {
        "studyhall": f"{version('studyhall')} ({digest.hexdigest()[:12]})",
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
