"""Work in a child process that can be killed between any two of its writes.

A write is what changes a file or folder, a commit to a database, or a program that is started. A
file's writes count when it is opened; locks, and what is outside of the working folder, do not.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "subprocess.Popen"}
_CHANGING = ("INSERT", "UPDATE", "DELETE", "CREATE")


class KilledError(Exception):
    """The child was killed before it was done."""


def in_child(work: Callable[[], Any], kill_before: int = 0, *, count: bool = False) -> Any:
    """Do work in a fork of this process; return what it returns, or how many writes it had.

    Args:
        work: The work; the parent should have no database open.
        kill_before: The write that it does not live to begin, from 1; 0 for none.
        count: Whether to return the number of writes.

    Raises:
        KilledError: it was killed, since it had as many writes.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            writes = _count(kill_before)
            result = work()
            os.write(writing, pickle.dumps(len(writes) if count else result))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        raise KilledError
    assert status == 0, "the work failed"
    return pickle.loads(answer)


def _count(kill_before: int) -> list[str]:
    """The writes from now on, as they come."""
    writes, here = list[str](), str(Path.cwd())

    def write(what: str) -> None:
        writes.append(what)
        if len(writes) == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "open":
            path, _, flags = arguments
            file = "" if isinstance(path, int) else os.path.abspath(os.fsdecode(path))
            if not flags & _WRITING or not file.startswith(here) or file.endswith(".lock"):
                return
        elif name not in _CHANGES:
            return
        write(f"{name} {arguments[0]}")

    def changed(connection: Any, *arguments: Any) -> None:
        if arguments[1].lstrip().upper().startswith(_CHANGING):
            connection.info["changed"] = True

    def commit(connection: Any) -> None:
        if connection.info.pop("changed", False):
            write("commit")

    sys.addaudithook(audit)
    event.listen(Engine, "before_cursor_execute", changed)
    event.listen(Engine, "commit", commit)
    return writes
