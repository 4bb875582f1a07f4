"""A launch that is disturbed from outside: its processes stopped for a while, or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress

import numpy as np
import psutil

from tests.cli.workspace import Workspace


def start(workspace: Workspace, jobs: int) -> subprocess.Popen[str]:
    """Start a launch in a process group of its own, its output kept in a file."""
    with (workspace.folder / "launch.log").open("a") as log:
        return workspace.start(
            "launch",
            "small.toml",
            "--jobs",
            jobs,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def end(process: subprocess.Popen[str]) -> None:
    """Kill a launch and all its workers."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The worker processes of a launch that have started training or wait for it."""
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if _is_worker(child)]
    return []


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return any("LokyProcess" in word for word in process.cmdline())
    return False


def kill_some(
    workspace: Workspace, kills: int, generator: np.random.Generator, seconds: float
) -> tuple[int, int]:
    """Launch with two workers, again and again, killing parent or workers at random moments.

    Args:
        workspace: Where small.toml is.
        kills: How many processes to kill at most; a study that is complete ends it.
        generator: Chooses the moments and the victims.
        seconds: The longest time between two kills.

    Returns:
        How many workers and how many parents were killed.
    """
    killed = {"worker": 0, "parent": 0}
    process = start(workspace, 2)
    try:
        while sum(killed.values()) < kills:
            if generator.random() < 0.8:  # the rest may hit a launch that is still starting
                _wait_for_workers(process)
            time.sleep(generator.uniform(0.0, seconds))  # the moment is what is tried
            if process.poll() is not None:
                break
            victims = workers(process)
            if victims and generator.random() < 0.7:
                with suppress(psutil.NoSuchProcess):
                    victims[int(generator.integers(len(victims)))].kill()
                    killed["worker"] += 1
            else:
                process.kill()
                process.wait()
                killed["parent"] += 1
                process = start(workspace, 2)
    finally:
        end(process)
    return killed["worker"], killed["parent"]


def _wait_for_workers(process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not workers(process):
        time.sleep(0.05)


def delay_some(process: subprocess.Popen[str], generator: np.random.Generator) -> int:
    """Let a launch run to its end, its trials held up at random; return how often that was."""
    held = 0
    while process.poll() is None:
        time.sleep(generator.uniform(0.0, 0.5))  # as chance has it, as the delay below
        victims = workers(process) or [psutil.Process(process.pid)]
        victim = victims[int(generator.integers(len(victims)))]
        with suppress(psutil.NoSuchProcess):
            victim.suspend()
            held += 1
            time.sleep(generator.uniform(0.0, 1.0))
            victim.resume()
    return held
