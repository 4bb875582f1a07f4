"""How much memory does a worker add beyond the shared data?

A real study with two workers trains networks of 100 to 500 hidden units on CIFAR-10 while this
process asks the system, ten times a second, how much memory belongs to each worker
alone (USS: what would be free again if it ended). This process holds the mapped training images
too, so that no worker is charged with them for being the first to read them.

`libraries_mb` is the peer: a Python process that only imports NumPy, Optuna and MLflow. Takes about
a minute. The last line is JSON.
"""

import json
import subprocess
import sys
from time import sleep

from study_folder import StudyFolder, study_folder

from studyhall.search.data.datasets import fetch, open_dataset

try:
    import psutil
except ImportError:
    sys.exit("benchmarks/memory.py: needs psutil; pip install 'studyhall[test]'")

STUDY, JOBS, TRIALS, PAUSE = "cifar10_grid", 2, 8, 0.1
OVERRIDES = (
    "study.name=memory",
    "search_space.hidden_size.choices=[500, 400, 200, 100]",  # the grid's slowest: two of each
    "search_space.learning_rate.choices=[5e-4]",
    "search_space.l2.choices=[0.5, 1.0]",
    "data.preprocessing=standardize",
    "training.optimizer=momentum",
    "training.iterations=300",
)
LIBRARIES = (
    "import numpy, optuna, mlflow.pyfunc, psutil; print(psutil.Process().memory_full_info().uss)"
)


def workers(launch: psutil.Process) -> list[psutil.Process]:
    """Return the launch's worker processes, without joblib's resource tracker."""
    children = launch.children(recursive=True)
    return [child for child in children if any("popen_loky" in w for w in child.cmdline())]


def private_mb(process: psutil.Process) -> float:
    """Return the memory that belongs to a process alone."""
    return float(process.memory_full_info().uss) / 1e6


def sample(launch: psutil.Process, peaks: dict[int, float]) -> None:
    """Raise each process's peak to what it holds now."""
    try:
        for process in [launch, *workers(launch)]:
            peaks[process.pid] = max(peaks.get(process.pid, 0.0), private_mb(process))
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        pass  # one ended meanwhile; the others are sampled again in a moment


def watch(folder: StudyFolder) -> tuple[float, list[float]]:
    """Launch the study; return the peaks of the launching process and of each worker."""
    options = [word for override in OVERRIDES for word in ("--set", override)]
    process = folder.start("launch", STUDY, "-j", JOBS, "--trials", TRIALS, *options)
    launch, peaks = psutil.Process(process.pid), dict[int, float]()
    while process.poll() is None:
        sample(launch, peaks)
        sleep(PAUSE)
    if process.returncode:
        sys.exit(f"studyhall launch {STUDY}: exit code {process.returncode}")
    return peaks.pop(process.pid), sorted(peaks.values())


def libraries_mb() -> float:
    """Return the memory of a process that only imports the engines."""
    command = [sys.executable, "-c", LIBRARIES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout) / 1e6


def main() -> None:
    """Print the peaks as one JSON line."""
    images = open_dataset("cifar10", fetch("cifar10")).train_examples
    images.max()  # reads, and so maps, every page
    with study_folder() as folder:
        launch, found = watch(folder)
    figures = {
        "worker_mb": round(max(found)),
        "workers_mb": [round(peak) for peak in found],
        "launch_mb": round(launch),
        "libraries_mb": round(libraries_mb()),
        "shared_data_mb": round(images.nbytes / 1e6),
    }
    print(json.dumps({"benchmark": "memory", "jobs": JOBS, "trials": TRIALS, **figures}))


if __name__ == "__main__":
    main()
