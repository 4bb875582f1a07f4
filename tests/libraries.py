"""The libraries of the environment of the tests, for another environment that lacks Studyhall."""

from __future__ import annotations

import sys
from pathlib import Path


def libraries() -> str:
    """The lines of a .pth file, which makes the libraries importable but Studyhall itself.

    Its editable install is a .pth file too, which counts in a site folder alone and not in one that
    another .pth file adds.
    """
    return "\n".join(path for path in sys.path if Path(path).name == "site-packages")
