"""Pictures, which nothing depends on: one that cannot be drawn is left out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from studyhall.search.common.errors import remedy

Parameters = ParamSpec("Parameters")
_log = logging.getLogger("studyhall.pictures")
# Names are the user's own: Matplotlib would read what stands between two $ as a formula.
_PLAIN: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
}


def decorative(
    draw: Callable[Concatenate[Path, Parameters], None],
) -> Callable[Concatenate[Path, Parameters], None]:
    """Have a function that draws into a file leave the picture out if that fails, and say so.

    An error of the disk that the user can mend is raised all the same: other files are to follow.
    """

    @wraps(draw)
    def drawn(path: Path, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            from matplotlib import rc_context  # a worker draws only when a trial ends

            with warnings.catch_warnings(), rc_context(_PLAIN):
                warnings.simplefilter("ignore", UserWarning)  # letters that the font does not have
                draw(path, *args, **kwargs)
        except Exception as error:
            if isinstance(error, OSError) and remedy(error):
                raise
            path.unlink(missing_ok=True)  # it may be there in part
            leave_out(path.name, f"{type(error).__name__}: {error}")

    return drawn


@cache  # the pictures of all trials may fail alike
def leave_out(name: str, reason: str) -> None:
    """Warn, once in this process, that a picture is missing."""
    reason = " ".join(reason.split())[:200]
    _log.warning("%s is left out, because it cannot be drawn (%s)", name, reason)
