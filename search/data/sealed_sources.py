"""Where data that the user named lie, test part and all: what is sealed beside the decoded arrays.

What lies beside them is not, as a launch may keep its journal and its cache there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.data_names import described
from studyhall.search.data.own_folder import PictureFolder
from studyhall.search.data.published import Published
from studyhall.search.data.sources import VARIABLE


def sealed_sources(
    settings: DataSettings, needed: Iterable[Path | str], data_dir: Path | str | None = None
) -> tuple[str, ...]:
    """Find the files and folders of this machine that hold a study's data.

    Args:
        settings: The study's `[data]`.
        needed: Files and folders that a trial opens, or addresses; no folder around one is sealed.
        data_dir: Where the data are instead; by default STUDYHALL_DATA says, if it is set.

    Returns:
        Their paths, links resolved; those of `data.path` too if the data are elsewhere as well.
        None of data that were fetched or drawn.
    """
    named = data_dir or os.environ.get(VARIABLE)
    if settings.path:
        places = [Path(place).expanduser() for place in (named, settings.path) if place]
        held = [path for place in places for path in _own(place)]
    elif named and isinstance(origin := described(settings).origin, Published):
        held = origin.files(Path(named).expanduser())
    else:
        held = []
    opened = [os.path.realpath(path) + os.sep for path in needed if isinstance(path, Path)]
    found = dict.fromkeys(os.path.realpath(path) for path in held)
    return tuple(path for path in found if not any(o.startswith(path + os.sep) for o in opened))


def _own(place: Path) -> tuple[Path, ...]:
    return PictureFolder(place).holders if place.is_dir() else (place,)
