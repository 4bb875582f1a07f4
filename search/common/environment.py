"""What a result depends on beside its study file: the code, the machine, the libraries."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import threadpoolctl

from studyhall.search.common.source_tree import SEARCH

LIBRARIES = ("numpy", "optuna", "mlflow", "joblib", "safetensors")


@cache
def environment() -> dict[str, str]:
    """The code version, machine and library versions, by the names that their tags bear."""
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
    """The commit of the source folder and whether it was changed; nothing if it is no checkout."""
    checkout = SEARCH.parent
    if not (checkout / ".git").exists():
        return {}
    commands = {"commit": ["rev-parse", "HEAD"], "changed": ["status", "--porcelain"]}
    try:
        answers = {
            name: subprocess.run(
                ["git", *command],
                cwd=checkout,
                capture_output=True,
                text=True,
                check=True,
                timeout=10,
            ).stdout.strip()
            for name, command in commands.items()
        }
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"code.commit": answers["commit"], "code.dirty": str(bool(answers["changed"])).lower()}


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
    """What threadpoolctl knows of NumPy's BLAS.

    SciPy, which some of the engines load at some time, brings a BLAS of its own: it is of no
    matter to results, and may have come into this process or not.
    """
    import numpy

    package = Path(numpy.__file__).resolve().parent
    homes = {package.with_name("numpy.libs"), package / ".dylibs"}  # where its wheels keep theirs
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return [pool for pool in pools if Path(pool["filepath"]).resolve().parent in homes] or pools
