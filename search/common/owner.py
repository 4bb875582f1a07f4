"""Names of processes that work on trials, from which others can tell if they still run."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import socket
import uuid
from functools import cache
from pathlib import Path

import psutil


def person() -> str:
    """The user of this process and the machine, as USER@MACHINE."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # as in a container whose user has only a number
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def new_owner() -> str:
    """A name for this process that no other has had; each call gives a new one."""
    started = _started(psutil.Process())
    return f"{platform.node()}:{_place()}:{os.getpid()}:{started}:{uuid.uuid4().hex[:8]}"


def is_running(owner: str) -> bool | None:
    """Whether the owner's process still runs; None if it is on another machine."""
    try:
        _, place, pid, started, _ = owner.rsplit(":", 4)
        number, start = int(pid), int(started)
    except ValueError:
        return False  # not a name that `new_owner` gave
    if place != _place():
        return None
    try:
        process = psutil.Process(number)
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return not dead and _started(process) == start
    except psutil.NoSuchProcess:
        return False


def machine(owner: str) -> str:
    """The name of the machine of an owner's process."""
    return owner.rsplit(":", 4)[0]


def end_child(owner: str) -> bool:
    """Kill the owner's process if it is a child of this one; return whether it was."""
    if is_running(owner) is not True:
        return False
    try:
        process = psutil.Process(int(owner.rsplit(":", 3)[1]))
        if process.ppid() != os.getpid():
            return False
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True


def _started(process: psutil.Process) -> int:
    """The start of a process, in a unit of this system.

    On Linux it is in ticks since the machine started, which setting the clock does not change.

    Raises:
        psutil.NoSuchProcess: the process has ended.
    """
    try:
        text = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        raise psutil.NoSuchProcess(process.pid) from None
    except FileNotFoundError:
        return round(process.create_time())  # raises as well if it is gone
    return int(text.rpartition(")")[2].split()[19])  # field 22; a name may hold spaces


@cache
def _place() -> str:
    """The scope of process numbers: this machine since its start, or this container."""
    namespace = Path("/proc/self/ns/pid")
    boot = Path("/proc/sys/kernel/random/boot_id")
    parts = [
        platform.node(),
        boot.read_text() if boot.exists() else str(round(psutil.boot_time(), -2)),
        str(namespace.readlink()) if namespace.is_symlink() else "",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
