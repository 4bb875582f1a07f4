"""A worker's name says whether its process still lives, whatever is done to the clock."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from studyhall.search.common.owner import end_child, is_running, new_owner

SAY_NAME_AND_WAIT = """
import sys
from studyhall.search.common.owner import new_owner
print(new_owner(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child():
    command = [sys.executable, "-c", SAY_NAME_AND_WAIT]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        yield process
        process.kill()


def test_each_name_is_another_and_its_process_lives():
    first, second = new_owner(), new_owner()
    assert first != second
    assert is_running(first) is is_running(second) is True


def test_setting_the_clock_kills_no_one(monkeypatch):
    owner = new_owner()
    before = psutil.boot_time()
    for step in (-3600, -1, 1, 3600):
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda step=step: before + step)
        assert is_running(owner) is True


def test_a_process_that_has_ended_does_not_live_nor_one_that_has_its_number(child):
    owner = child.stdout.readline().strip()
    assert is_running(owner) is True
    host, place, number, started, _ = owner.rsplit(":", 4)
    earlier = f"{host}:{place}:{number}:{int(started) - 1}:00000000"  # had the number before
    assert is_running(earlier) is False
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_running(owner) is False  # a zombie
    child.wait()
    assert is_running(owner) is False


def test_of_another_machine_nothing_is_known():
    host, _, number, started, rest = new_owner().rsplit(":", 4)
    assert is_running(f"{host}:0123456789ab:{number}:{started}:{rest}") is None


def test_only_a_child_is_ended(child):
    owner = child.stdout.readline().strip()
    assert not end_child(new_owner())  # this process is no child of its own
    assert not end_child("what is no name")
    assert end_child(owner)
    assert child.wait() == -9
    assert psutil.pid_exists(os.getpid())
