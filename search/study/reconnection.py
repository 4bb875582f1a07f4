"""Retry while a database is unreachable, as it is while it restarts."""

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
    """Repeat an operation on the storage while its database is unreachable, with growing pauses.

    An operation that failed may have taken effect all the same: it must be safe to repeat. Other
    errors than those of the connection are raised at once; a journal has only those.

    Args:
        operation: What to repeat.
        hopeless: Whether an error of the connection should be raised at once as well.

    Raises:
        StudyhallError: The database was unreachable for minutes.
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
