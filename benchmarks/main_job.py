"""How long from a fresh clone to the judged champion?

Clones this checkout's HEAD (what is not committed is left out) into a temporary folder and runs
`make cifar10` there with an empty data cache and without pip's cache: install, get CIFAR-10, run
the default study, judge its champion on the test split. Needs the network, as any first install.

- seconds: of `make cifar10` and the clone, by the clock.
- install_seconds: up to the end of the installation.
- search_seconds: from the opening of the study to its registered champion, as the study's MLflow
  run has it.
- other_seconds: the rest, which is getting the data, starting up and judging.

There is no peer: no other project has this job. Takes about ten minutes. The last line is JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from study_folder import StudyFolder, environment

CHECKOUT = Path(__file__).resolve().parents[1]
STUDY = "cifar10"


def clone(folder: Path) -> str:
    """Clone this checkout's HEAD into `folder`; return the commit."""
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
    asked = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def make(folder: Path, cache: Path) -> None:
    """Run `make cifar10` with nothing cached; what it prints goes to stderr."""
    unset = ("VENV", "STUDYHALL_DATA")
    kept = {k: v for k, v in environment().items() if k not in unset}
    nothing_cached = {"STUDYHALL_CACHE": str(cache), "PIP_NO_CACHE_DIR": "1", "STUDY": STUDY}
    subprocess.run(
        ["make", "cifar10"],
        cwd=folder,
        env={**kept, **nothing_cached},
        stdout=sys.stderr,
        check=True,
    )


def timed(folder: Path, cache: Path) -> dict[str, Any]:
    """Clone and make; return the times and the commit."""
    start = time.time()
    commit = clone(folder)
    make(folder, cache)
    seconds = time.time() - start
    installed = os.stat(folder / ".venv" / "installed").st_mtime - start
    rounds = [run.info for run in StudyFolder(folder).runs(STUDY, "study")]
    search, finalists = ((run.end_time - run.start_time) / 1000 for run in rounds)
    times = {
        "seconds": seconds,
        "install_seconds": installed,
        "search_seconds": search,
        "finalists_seconds": finalists,
        "other_seconds": seconds - installed - search - finalists,
    }
    return {"commit": commit[:12], **{name: round(value, 1) for name, value in times.items()}}


def accuracies(folder: Path) -> dict[str, float]:
    """Return the best trial's validation accuracy and the champion's test accuracy."""
    command = [str(folder / ".venv" / "bin" / "studyhall"), "best", STUDY, "--json"]
    answered = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    verdict = StudyFolder(folder).runs(STUDY, "evaluation")[0]
    return {
        "validation_accuracy": json.loads(answered.stdout)["validation_accuracy"],
        "test_accuracy": verdict.data.metrics["test_accuracy"],
    }


def main() -> None:
    """Print times and accuracies as one JSON line."""
    with tempfile.TemporaryDirectory(prefix="studyhall-benchmark-") as temporary:
        folder, cache = Path(temporary) / "clone", Path(temporary) / "cache"
        figures = {**timed(folder, cache), **accuracies(folder)}
    print(json.dumps({"benchmark": "main_job", **figures}))


if __name__ == "__main__":
    main()
