"""What share of the time of two workers, with a window of 8, does the default study train?

`studyhall launch cifar10 --jobs 2` in an empty folder; what follows the name of this file goes to
the launch as well. A trial trains from its start to its end as its MLflow run has them, less than a
millisecond from its `seconds` in the study's record: build, train, validate, ask the pruner.

- utilization: the seconds of all trials / (2 x the time from the first trial's start to the last
  trial's end).
- before_the_tail: the same up to the start of the last trial to start; from there on a worker that
  ends its trial finds no other.
- idle_seconds: how long the workers, together, did not train: until the second one's first trial,
  between trials (record, claim, propose, wait for the window), and in the tail.
- of_the_search, of_the_launch: the same seconds against the study's run in MLflow, from its opening
  to its champion, and against the process, from start to end.

The peer is a schedule that costs nothing: each worker starts the next trial, in the order of their
numbers, at the moment when its last one ends, and each trial takes as long as it was recorded to.
`list_schedule` is its utilization, `with_window` that of one that waits as the window demands
(trial k starts once all up to k - 8 have ended), `any_schedule` what none can exceed, in whatever
order: half of the seconds, or the longest trial, if that is more. `of_list_schedule` is the share
of what the list schedule reaches; it may be above 1, since a launch begins its last eight trials
with the longest.

Takes about six minutes; one with `--trials 6 --set training.epochs=3`. The last line is JSON.
"""

import json
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from study_folder import StudyFolder, study_folder

from studyhall.search.config.study_file import load_study
from studyhall.search.data.datasets import fetch

STUDY, JOBS = "cifar10", 2
WINDOW = load_study(STUDY).study.window


@dataclass(frozen=True)
class Training:
    """When a trial trained, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


def recorded(folder: StudyFolder) -> list[Training]:
    """Return when each trial trained, in the order of their numbers."""
    runs = sorted(folder.runs(STUDY), key=lambda run: int(run.data.tags["studyhall.trial"]))
    return [Training(run.info.start_time / 1000, run.info.end_time / 1000) for run in runs]


def utilization(trainings: list[Training], until: float) -> float:
    """Return the share of the workers' time, from the first start to `until`, in which they train.

    Args:
        trainings: All trials.
        until: In seconds, as their times.
    """
    trained = sum(max(0.0, min(one.end, until) - one.start) for one in trainings)
    return trained / (JOBS * (until - min(one.start for one in trainings)))


def idle_seconds(trainings: list[Training]) -> dict[str, float]:
    """Return how long the workers, together, did not train, and when."""
    starts, end = sorted(one.start for one in trainings), last_end(trainings)
    tail = JOBS * (end - starts[-1]) - sum(max(0.0, one.end - starts[-1]) for one in trainings)
    late = sum(start - starts[0] for start in starts[:JOBS])
    idle = JOBS * (end - starts[0]) - sum(one.seconds for one in trainings)
    return {"first_start": late, "between_trials": idle - late - tail, "tail": tail}


def scheduled(durations: list[float], window: int) -> list[Training]:
    """Return when each trial would train if nothing else took time.

    Args:
        durations: The seconds of each trial, in the order of their numbers.
        window: Trial k starts once all trials up to k - window have ended.
    """
    free, planned = [0.0] * JOBS, list[Training]()
    for number, seconds in enumerate(durations):
        seen = planned[: max(0, number - window + 1)]
        start = max(min(free), max((one.end for one in seen), default=0.0))
        free[free.index(min(free))] = start + seconds
        planned.append(Training(start, start + seconds))
    return planned


def last_end(trainings: list[Training]) -> float:
    """Return when the last of them has ended."""
    return max(one.end for one in trainings)


def shares_of(trainings: list[Training]) -> dict[str, float]:
    """Return the utilization, measured and of the schedules that cost nothing."""
    durations = [one.seconds for one in trainings]
    measured = utilization(trainings, last_end(trainings))
    plans = {"list_schedule": len(durations), "with_window": WINDOW}
    ideal = {name: scheduled(durations, window) for name, window in plans.items()}
    shares = {name: utilization(plan, last_end(plan)) for name, plan in ideal.items()}
    return {
        "utilization": measured,
        "before_the_tail": utilization(trainings, max(one.start for one in trainings)),
        **shares,
        "any_schedule": sum(durations) / max(sum(durations), JOBS * max(durations)),
        **{f"of_{name}": measured / share for name, share in shares.items()},
    }


def measure(options: list[str]) -> dict[str, Any]:
    """Launch the study; return the shares and times."""
    fetch("cifar10")
    with study_folder() as folder:
        start = perf_counter()
        summary = folder.answer("launch", STUDY, "--jobs", JOBS, *options)
        launch = perf_counter() - start
        trainings, study = recorded(folder), folder.runs(STUDY, "study")[0].info
    assert len(trainings) == summary["finished"]
    search, trained = (study.end_time - study.start_time) / 1000, float(summary["seconds"])
    return {
        "trials": len(trainings),
        **shares_of(trainings),
        "of_the_search": trained / (JOBS * search),
        "of_the_launch": trained / (JOBS * launch),
        "training_seconds": trained,
        "longest_trial_seconds": max(one.seconds for one in trainings),
        "search_seconds": search,
        "launch_seconds": launch,
        "idle_seconds": {when: round(idle, 2) for when, idle in idle_seconds(trainings).items()},
    }


def main() -> None:
    """Print the shares and times as one JSON line."""
    found = measure(sys.argv[1:])
    figures = {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}
    print(json.dumps({"benchmark": "utilization", "jobs": JOBS, "window": WINDOW, **figures}))


if __name__ == "__main__":
    main()
