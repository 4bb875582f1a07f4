"""What a result depends on beside its study file: the code, the machine and the libraries."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import threadpoolctl

from studyhall.search.common.source_tree import SEARCH, source_digest

LIBRARIES = ("numpy", "optuna", "mlflow", "joblib", "safetensors")  # recorded as tags
_RESULT_LIBRARIES = ("numpy", "optuna", "scipy", "cmaes", "safetensors")  # results depend on these


@cache
def code_version() -> dict[str, str]:
    """The versions that decide a trial's result, by name; Studyhall's with the digest of its files.

    All workers of a study must have the same ones. The digest is needed because an installed
    package has no commit, and a checkout can have been changed since its commit.
    """
    return {
        "studyhall": f"{version('studyhall')} ({source_digest()[:12]})",
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{library: version(library) for library in _RESULT_LIBRARIES},
    }


def code_difference(other: dict[str, str]) -> str | None:
    """How another process's `code_version` differs from this one's, in words; None if equal."""
    own = code_version()
    found = [
        f"{name} {other.get(name, 'missing')}, here {own[name]}"
        for name in own
        if other.get(name) != own[name]
    ]
    return "; ".join(found) or None


@cache
def environment() -> dict[str, str]:
    """The code version, machine and library versions, by the names of their MLflow tags."""
    return {
        "code.version": version("studyhall"),
        **_git(),
        "machine.cpu": _cpu_model(),
        "machine.cores": str(os.cpu_count()),
        "machine.platform": platform.platform(),
        "machine.blas": _blas(),
        "python": platform.python_version(),
        **{f"library.{name}": version(name) for name in LIBRARIES},
    }


def _git() -> dict[str, str]:
    """The commit of the checkout and whether files changed since; empty if there is no checkout."""
    checkout = SEARCH.parent
    if not (checkout / ".git").exists():
        return {}
    try:
        commit = _ask_git(checkout, "rev-parse", "HEAD")
        changes = _ask_git(checkout, "status", "-s")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"code.commit": commit, "code.dirty": str(bool(changes)).lower()}


def _ask_git(checkout: Path, *command: str) -> str:
    answer = subprocess.run(
        ["git", *command], cwd=checkout, capture_output=True, text=True, check=True, timeout=10
    )
    return answer.stdout.strip()


def machine_memory() -> int:
    """The memory in bytes that the processes of this machine, or of this container, can have."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return memory
    return min(memory, int(limit)) if limit.isdigit() else memory


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _blas() -> str:
    """NumPy's BLAS, with the kernels it chose for this processor: results depend on them."""
    parts = {
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
        for pool in numpy_blas()
    }
    return ", ".join(sorted(parts)) or "unknown"


def numpy_blas() -> list[dict[str, Any]]:
    """What threadpoolctl reports about NumPy's BLAS.

    SciPy brings a BLAS of its own, which is loaded only if an engine has imported SciPy. Results do
    not depend on it, so it is left out.
    """
    import numpy

    package = Path(numpy.__file__).resolve().parent
    homes = {package.with_name("numpy.libs"), package / ".dylibs"}  # where its wheels keep theirs
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return [pool for pool in pools if Path(pool["filepath"]).resolve().parent in homes] or pools


@contextmanager
def fixed_blas_threads(threads: int) -> Iterator[None]:
    """Fix the number of threads of this process's matrix products.

    The last bits of a result depend on that number, because it decides the order of the sums.
    """
    import numpy  # noqa: F401  threadpoolctl limits only libraries that are already loaded

    with threadpoolctl.threadpool_limits(threads, user_api="blas"):
        yield
