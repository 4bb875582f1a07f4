"""Patience with a storage that is away for a while, as a database is that restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from random import Random
from typing import ParamSpec, TypeVar

from studyhall.search.common.errors import StudyhallError

PATIENCE_SECONDS = 300.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
_jitter = Random()  # noqa: S311  # so that workers do not all come back at the same moment


def retry_while_disconnected(
    operation: Callable[Parameters, Result],
    hopeless: Callable[[BaseException], bool] = lambda error: False,
) -> Callable[Parameters, Result]:
    """Repeat an operation on the storage while its database is away, with growing pauses.

    The operation may have been carried out though it failed: it must be one that can be repeated
    from its start. Errors that do not come of the connection are raised at once; a journal has
    none that do.

    Args:
        operation: What to repeat.
        hopeless: Which errors of the connection are to be raised at once as well.

    Raises:
        StudyhallError: the storage has been away for minutes.
    """

    @wraps(operation)
    def repeated(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        started, pause = time.monotonic(), SHORTEST_PAUSE
        while True:
            try:
                return operation(*args, **kwargs)
            except StudyhallError:
                raise
            except Exception as error:
                from studyhall.search.study.database_errors import error_text
                from studyhall.search.study.postgres import connection_trouble

                if not connection_trouble(error) or hopeless(error):
                    raise
                if time.monotonic() - started >= PATIENCE_SECONDS:
                    raise StudyhallError(
                        f"the storage has not answered for {PATIENCE_SECONDS:.0f} s "
                        f"({error_text(error)}); launch again when that is mended: finished trials "
                        "are kept"
                    ) from error
            time.sleep(pause * _jitter.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    return repeated
