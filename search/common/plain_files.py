"""Whether a file that the user names is a plain one, before it is opened."""

from __future__ import annotations

import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def unreadable(path: Path, most: int | None = None) -> str | None:
    """Why a file is not to be read, as a rule; None if it can be.

    A pipe may never end or never begin, a device such as /dev/zero fills the memory.

    Args:
        path: The file.
        most: The bytes that it may have; any number by default.

    Raises:
        OSError: there is none, or it cannot be looked at.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        return f"must be a plain file, got {kind}"
    if most is not None and found.st_size > most:
        return f"must have at most {most:,} bytes, got {found.st_size:,}"
    return None
