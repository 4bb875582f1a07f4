"""Real processes that use one storage at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Worker:
    """A process of `storage_worker.py`, started and imported, but not yet at work."""

    def __init__(self, task: str, address: object, number: int = 0) -> None:
        script = Path(__file__).with_name("storage_worker.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), task, str(address), str(number)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_until_ready(self) -> None:
        """Return once the process waits for its line."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, line: str = "") -> None:
        """Give the process a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """The next that the process has to say."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the worker ended with {self.process.wait()}"
        return json.loads(line)


def at_once(task: str, address: object, number: int, processes: int = 4) -> list[Any]:
    """Run a task in several processes that begin at the same moment; return their answers."""
    workers = [Worker(task, address, number) for _ in range(processes)]
    try:
        for worker in workers:
            worker.wait_until_ready()
        for worker in workers:
            worker.tell()
        return [worker.answer() for worker in workers]
    finally:
        for worker in workers:
            worker.__exit__()
