"""How many more trials an hour do two workers finish than one?

Equal trials (CIFAR-10, 100 hidden units, 1,500 iterations, random search, no pruner), as a user
launches them, with one worker and with two in turns, each in an empty folder. A worker's first
trial, in which it loads its libraries, does not count; from there a trial lasts from its start to
the start of the worker's next one, so that everything that belongs to it is in it.

`whole_launch_ratio` counts everything, from the start of the process to its end.
`training_alone_ratio` is the machine's own: the same training without search or record, in one
process and in two; what is lost there, to memory or to the clock, no search can win back.

Takes about four minutes. The last line is JSON.
"""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from statistics import mean, median
from time import perf_counter

from study_folder import study_folder
from threadpoolctl import threadpool_limits

from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_file import load_study
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.datasets import fetch
from studyhall.search.training.building import TrialSeed, training_data
from studyhall.search.training.trial import run_trial

STUDY, TRIALS, ROUNDS, ALONE = "cifar10_grid", 14, 2, 6
OVERRIDES = (
    "study.sampler=random",
    "search_space.hidden_size.choices=[100]",
    "training.iterations=1500",
)


def launched(jobs: int) -> dict[str, float]:
    """Run the trials with `jobs` workers; return the trials an hour, and the launch's seconds."""
    options = [word for override in OVERRIDES for word in ("--set", override)]
    with study_folder() as folder:
        seconds = folder.seconds("launch", STUDY, "-j", jobs, "--trials", TRIALS, *options)
        starts = [run.info.start_time / 1000 for run in folder.runs(STUDY)]
    return {"seconds": seconds, "an_hour": trials_an_hour(starts, jobs)}


def trials_an_hour(starts: list[float], jobs: int) -> float:
    """Return the steady rate: each worker's first trial is left out, and its last one's end.

    Args:
        starts: when each trial began to train, in seconds, ascending.
        jobs: how many workers there were.
    """
    counted = starts[jobs:]
    return 3600 * (len(counted) - jobs) / (mean(counted[-jobs:]) - mean(counted[:jobs]))


def example() -> TrialSettings:
    """Return one of the equal trials' settings."""
    spec = load_study(STUDY, OVERRIDES)
    return spec.resolve(spec.examples()[0])


def train_alone(settings: TrialSettings, number: int) -> None:
    """Train without search or record."""
    data = training_data(cache_folder() / "cifar10", settings.data)
    run_trial(settings, data, TrialSeed(0, number), "validation_accuracy", lambda epoch: None)


def alone(jobs: int) -> float:
    """Return the seconds of a few trainings in `jobs` processes that have the data."""
    settings = example()
    training_data(fetch("cifar10"), settings.data)  # kept, and so inherited
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, forked, initializer=threadpool_limits, initargs=(1,)) as pool:
        start = perf_counter()
        list(pool.map(train_alone, [settings] * ALONE, range(ALONE)))
        return perf_counter() - start


def measure() -> dict[str, float]:
    """Take the rounds, one worker first in every other one; return the medians."""
    fetch("cifar10")
    rounds = []
    for number in range(ROUNDS):
        order = (1, 2) if number % 2 == 0 else (2, 1)
        rounds.append({jobs: (launched(jobs), alone(jobs)) for jobs in order})
    return {
        "trials_an_hour_1": median(row[1][0]["an_hour"] for row in rounds),
        "trials_an_hour_2": median(row[2][0]["an_hour"] for row in rounds),
        "ratio": median(row[2][0]["an_hour"] / row[1][0]["an_hour"] for row in rounds),
        "whole_launch_ratio": median(row[1][0]["seconds"] / row[2][0]["seconds"] for row in rounds),
        "training_alone_ratio": median(row[1][1] / row[2][1] for row in rounds),
    }


def main() -> None:
    """Print the rates and their ratios as one JSON line."""
    figures = {name: round(value, 3) for name, value in measure().items()}
    print(json.dumps({"benchmark": "scaling", "trials": TRIALS, "rounds": ROUNDS, **figures}))


if __name__ == "__main__":
    main()
