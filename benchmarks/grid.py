"""How long does the course's grid take, recorded in full, against its plain code that only trains?

Both train the 45 settings of studies/cifar10_grid.toml for 1,500 iterations each, two at a time,
with one BLAS thread each, in the same run on real CIFAR-10.

- studyhall: `studyhall launch cifar10_grid --jobs 2` in an empty folder, from the start of the
  process to its end: every trial with its curves, pictures, model and MLflow run.
- plain_float64: the code of the course write-ups (plain_network.py) in two processes that share
  the images; only the training is timed, nothing is prepared or recorded in that time.

The champion is then judged with `studyhall evaluate`. Needs 2.5 GB of memory and about ten
minutes. The last line is JSON.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

import numpy as np
from plain_network import PlainData, TwoLayerNet
from study_folder import study_folder
from threadpoolctl import threadpool_limits

from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_file import load_study
from studyhall.search.data.datasets import fetch, open_dataset
from studyhall.search.study.samplers import fixed_point

STUDY, JOBS = "cifar10_grid", 2
OVERRIDES: tuple[str, ...] = ()  # `table.key=value`, in place of the study file's

_data: PlainData | None = None  # set before the processes fork, so that they share it


def studyhall() -> dict[str, float]:
    """Run the grid as a user does; return its time and its champion's accuracies."""
    options = [word for override in OVERRIDES for word in ("--set", override)]
    with study_folder() as folder:
        seconds = folder.seconds("launch", STUDY, "--jobs", JOBS, *options)
        return {
            "studyhall_seconds": seconds,
            "validation_accuracy": folder.answer("best", STUDY)["validation_accuracy"],
            "test_accuracy": folder.answer("evaluate", STUDY)["accuracy"],
        }


def grid() -> list[TrialSettings]:
    """Return the settings of every trial of the study."""
    spec = load_study(STUDY, OVERRIDES)
    return [spec.resolve(fixed_point(spec, number)) for number in range(spec.study.trials)]


def train_plain(number: int, settings: TrialSettings) -> float:
    """Train one setting with the plain code; return its last validation accuracy."""
    assert _data is not None
    np.random.seed(number)  # noqa: NPY002  what the plain code draws from
    training, network = settings.training, settings.network
    net = TwoLayerNet(
        _data.x_train.shape[1], network.hidden[0], 10, std=network.initial_deviation or 1e-4
    )
    history = net.train(
        _data,
        training.learning_rate,
        training.l2,
        training.total_iterations(settings.data.train),
        decay=training.learning_rate_decay,
        batch_size=training.batch_size,
    )
    return history["val_acc"][-1]


def plain_float64() -> dict[str, float]:
    """Train the same settings with the plain code; return its time and best accuracy."""
    global _data
    settings = grid()
    dataset, sizes = open_dataset("cifar10", fetch("cifar10")), settings[0].data
    _data = PlainData.centred(
        dataset.train_examples, dataset.train_labels, sizes.train, sizes.validation
    )
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(JOBS, forked, initializer=threadpool_limits, initargs=(1,)) as pool:
        start = perf_counter()
        accuracies = list(pool.map(train_plain, range(len(settings)), settings))
        return {
            "plain_float64_seconds": perf_counter() - start,
            "plain_validation_accuracy": max(accuracies),
        }


def main() -> None:
    """Print both times, their ratio and the accuracies as one JSON line."""
    fetch("cifar10")
    ours, plain = studyhall(), plain_float64()
    share = ours["studyhall_seconds"] / plain["plain_float64_seconds"]
    figures = {name: round(value, 4) for name, value in {**ours, **plain}.items()}
    sizes = {"trials": len(grid()), "jobs": JOBS}
    print(json.dumps({"benchmark": "grid", **sizes, **figures, "share_of_plain": round(share, 3)}))


if __name__ == "__main__":
    main()
