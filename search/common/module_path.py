"""Where Python looks for modules: never in the working folder, whose files are the user's.

One may be named as a module of Python or of a library: `random.py`, `queue.py`, `platform.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_VARIABLES = ("PYTHONSAFEPATH", "PYTHONPATH")


def leave_out_working_folder() -> None:
    """Look for no module in the working folder, in this process and in those that it starts."""
    sys.path[:] = _without_working_folder(sys.path)
    os.environ["PYTHONSAFEPATH"] = "1"  # `python -m` and `python -c` would look there first
    if folders := os.environ.get("PYTHONPATH"):
        kept = _without_working_folder(folders.split(os.pathsep))
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)


@contextmanager
def working_folder_left_out() -> Iterator[None]:
    """Leave the working folder out for processes that start in this block.

    Afterwards the caller, which may be a notebook, has its own settings again.
    """
    path = list(sys.path)
    variables = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    leave_out_working_folder()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in _VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(variables)


def _without_working_folder(folders: list[str]) -> list[str]:
    with suppress(OSError):  # a working folder that was deleted has no modules
        here = os.path.realpath(os.curdir)
        package = sys.modules[__name__.partition(".")[0]].__path__[0]
        if here != os.path.realpath(os.path.dirname(package)):  # not in Studyhall's own sources
            return [folder for folder in folders if os.path.realpath(folder) != here]
    return folders
