"""What can be wrong with a disk in the middle of a study, and is mended again."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.cli.watching import children

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own in a folder, of 32 MB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def may_mount() -> bool:
    """Whether there may be a small disk here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except (subprocess.CalledProcessError, FileNotFoundError):
            return False


@contextmanager
def full(folder: Path, process: subprocess.Popen[str] | None = None) -> Iterator[None]:
    """The small disk in `folder` has no room."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


@contextmanager
def limited(folder: Path, process: subprocess.Popen[str]) -> Iterator[None]:
    """The launch may not write files of more than 4 kB; a new one may."""
    for pid in (process.pid, *(child.pid for child in children(process))):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, most))
    yield


@contextmanager
def read_only(folder: Path, process: subprocess.Popen[str]) -> Iterator[None]:
    """Nothing in `folder` may be written, not by root either if it was `started_humbly`."""
    places = [folder, *folder.rglob("*")]
    for place in places:
        place.chmod(0o555)
    yield
    for place in places:
        with suppress(FileNotFoundError):
            place.chmod(0o755)


def started_humbly() -> None:
    """Give up root's right to write what may not be written; for `preexec_fn`."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
