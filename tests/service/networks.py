"""Hosts on one network: a namespace each, joined by a bridge, with links that can be cut."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

ADDRESS = "10.201.77.{}"
HERE = ADDRESS.format(1)
_BRIDGE = "studyhall0"


def may_have_networks() -> bool:
    """Whether this process may make networks: it must be root, and iproute2 installed."""
    name = f"studyhall-try-{os.getpid()}"  # others ask at the same time
    try:
        done = subprocess.run(["ip", "netns", "add", name], capture_output=True)
    except FileNotFoundError:
        return False
    if done.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return done.returncode == 0


class Network:
    """A bridge that this machine is on as well."""

    def __init__(self) -> None:
        self._numbers = count(2)
        self._hosts: list[str] = []
        _ip("link", "add", _BRIDGE, "type", "bridge")
        _ip("address", "add", f"{HERE}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")

    def join(self) -> tuple[str, list[str]]:
        """Add a host; return its name and what a command is started by to run on it."""
        number = next(self._numbers)
        name = f"studyhall{number}"
        near, far = f"sh{number}a", f"sh{number}b"
        _ip("netns", "add", name)
        self._hosts.append(name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far)
        _ip("link", "set", far, "netns", name)
        _ip("link", "set", near, "master", _BRIDGE, "up")
        inside = ("-n", name)
        _ip(*inside, "address", "add", f"{ADDRESS.format(number)}/24", "dev", far)
        _ip(*inside, "link", "set", far, "up")
        _ip(*inside, "link", "set", "lo", "up")
        return name, ["ip", "netns", "exec", name]

    def cut(self, name: str) -> None:
        """Cut a host off: nothing arrives, and no one is told."""
        _ip("link", "set", f"sh{name.removeprefix('studyhall')}a", "down")

    def mend(self, name: str) -> None:
        """Join it again."""
        _ip("link", "set", f"sh{name.removeprefix('studyhall')}a", "up")

    def remove(self) -> None:
        """Take all of it away."""
        for name in self._hosts:
            _ip("netns", "del", name)
        _ip("link", "del", _BRIDGE)


@contextmanager
def network() -> Iterator[Network]:
    """A network for a test; what an earlier one that was killed left is taken away first."""
    subprocess.run(["ip", "link", "del", _BRIDGE], capture_output=True, check=False)
    for line in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout.splitlines():
        if line.startswith("studyhall"):
            _ip("netns", "del", line.split()[0])
    made = Network()
    try:
        yield made
    finally:
        made.remove()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
