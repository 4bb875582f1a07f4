"""How long is `studyhall --help`, and how long from `studyhall launch` to the first training step?

- help: from the start of the process to its end, beside `optuna --help` and `mlflow --help`, in
  turns; medians.
- first step: from the start of `studyhall launch cifar10_baseline --jobs 2` to the moment at which
  trial 0 begins to train in its worker, as its MLflow run has it; medians, in an empty folder (the
  journal and MLflow's database are made) and again there, under another name (both are found).

All of it warm: the data set is cached, and a first round, which does not count, brings programs
into the system's cache. Takes about a minute and a half. The last line is JSON.
"""

import json
import subprocess
import time
from pathlib import Path
from statistics import median

from study_folder import STUDYHALL, StudyFolder, study_folder

from studyhall.search.data.datasets import fetch

HELPS, LAUNCHES, STUDY, JOBS = 9, 4, "cifar10_baseline", 2
COMMANDS = ("studyhall", "optuna", "mlflow")


def help_seconds(command: str) -> float:
    """Return how long a command takes to explain itself."""
    program = str(Path(STUDYHALL).with_name(command))
    start = time.perf_counter()
    subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare_help() -> dict[str, float]:
    """Return the median time of each command's help."""
    rounds = [{c: help_seconds(c) for c in COMMANDS} for _ in range(HELPS + 1)][1:]
    return {f"{c}_help_seconds": median(row[c] for row in rounds) for c in COMMANDS}


def first_step_seconds(folder: StudyFolder, name: str) -> float:
    """Return how long a launch under `name` takes to begin training its first trial."""
    start = time.time()
    folder.run("launch", STUDY, "--jobs", JOBS, "--name", name)
    return float(folder.runs(name)[0].info.start_time) / 1000 - start


def launches() -> tuple[float, float]:
    """Return the seconds to the first step in an empty folder, and in the same one again."""
    with study_folder() as folder:
        return first_step_seconds(folder, "first"), first_step_seconds(folder, "second")


def main() -> None:
    """Print the times as one JSON line."""
    fetch("cifar10")
    rounds = [launches() for _ in range(LAUNCHES + 1)][1:]
    times = {
        **compare_help(),
        "first_step_empty_folder_seconds": median(empty for empty, _ in rounds),
        "first_step_known_folder_seconds": median(known for _, known in rounds),
    }
    figures = {name: round(value, 3) for name, value in times.items()}
    print(json.dumps({"benchmark": "startup", **figures}))


if __name__ == "__main__":
    main()
