"""What lies in a folder of the user's own, as far as it counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# What file browsers leave behind.
_IGNORED = ("Thumbs.db", "desktop.ini")
_SHOWN = 5  # of pictures without a class, which can be thousands


def entries(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, but for what is hidden; nothing if it is not there."""
    if not folder.is_dir():
        return []
    found = sorted(folder.iterdir(), key=lambda path: path.name)
    return [path for path in found if not path.name.startswith(".") and path.name not in _IGNORED]


def folders(folder: Path) -> list[Path]:
    """The folders in a folder."""
    return [path for path in entries(folder) if path.is_dir()]


def pictures(folder: Path) -> list[Path]:
    """What lies right in a folder and is called like a picture."""
    from PIL import Image

    endings = Image.registered_extensions()
    return [p for p in entries(folder) if not p.is_dir() and p.suffix.lower() in endings]


def loose_pictures(folder: Path) -> Iterator[str]:
    """Beside the classes there may be a note or a licence, but a picture there has no class."""
    loose = pictures(folder)
    for path in loose[:_SHOWN]:
        yield f"{path}: must lie in the folder of its class; move it there or delete it"
    if loose[_SHOWN:]:
        yield (
            f"{folder}: {len(loose) - _SHOWN:,} more pictures must lie in the folder of their "
            "class; move them there or delete them"
        )
