"""The folders of the installed source, and a digest of it.

Every path that counts folders goes through here, so that moving a file cannot break one silently.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

# The checkout or the installed package: either has these three folders.
_ROOT = Path(__file__).resolve().parents[2]
SEARCH, MODEL, STUDIES = (_ROOT / name for name in ("search", "model", "studies"))


@cache
def source_digest(*folders: Path) -> str:
    """The SHA-256 of every Python file in these folders and the folders below them.

    It covers names and contents; a checkout may have been changed since its commit.

    Args:
        folders: Source folders; by default all of Studyhall's code.
    """
    found = hashlib.sha256()
    for folder in folders or (MODEL, SEARCH):
        for path in sorted(folder.rglob("*.py")):
            found.update(f"{folder.name}/{path.relative_to(folder).as_posix()}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
