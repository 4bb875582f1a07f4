"""A real S3 server for tests, `rclone serve s3`: it checks signatures; a bucket is a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgres import free_port

KEY, SECRET = "studyhall", "s3cret/with+signs"
MISSING = "rclone is not installed here (`make .venv/bin/rclone`, or put it on the PATH)"


def find_rclone() -> Path | None:
    """The program, on the PATH or beside Python's; None without one."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    return Path(found) if found else None


class S3:
    """One server. A bucket is a folder in `folder`, an object a file in it.

    Args:
        program: What `find_rclone` found.
        folder: Where the buckets are.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder, self.port = program, folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What MLflow's server needs to keep artifacts here."""
        return {
            "MLFLOW_S3_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def new_bucket(self, name: str) -> Path:
        """Make a bucket; return the folder that holds its objects."""
        path = self.folder / name
        with self.away():  # it remembers which folders there are
            path.mkdir()
        return path

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server is stopped; folders may be changed."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self.folder.with_suffix(".log")
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [
                    *(str(self.program), "serve", "s3", str(self.folder)),
                    *("--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}"),
                    *("--config", os.devnull),
                ],
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the S3 server did not come up"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it; what it keeps stays."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.address, timeout=5).close()
        except urllib.error.HTTPError:  # it wants a signature
            return True
        except OSError:
            return False
        return True
