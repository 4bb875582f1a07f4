"""Does training go on at full speed while the tracking server is away, and is nothing lost?

A real `mlflow server` and `studyhall launch --jobs 2` with equal trials (CIFAR-10, 100 hidden
units, 1,500 iterations, random search, no pruner). When the first trial has ended, the launch is
left alone for a while; then the server is killed with SIGKILL, is away for a minute, and is started
again.

Throughput is in trials an hour, from the study's record: a trial that lies partly in a stretch of
time, from its claim to its last word, counts in part.

- before, outage, after: up to the kill; up to the start of the new server; from its first answer to
  the last trial's claim. What the server needs to start, seconds of a core, is in neither.
- outage_share: the throughput of the outage against that of before and after together. Records are
  sent in these, which the machine feels, and what waited is sent in the latter.
- trials_without_run: finished trials of the study's record that have no run that has ended.
- lost, added: what MLflow does not have in the end of what it has of the peer's same trials, and
  what it has beside that; and artifacts that are not as their trial's manifest has them.

The peer is the same study for the same time, whose server is never stopped: its throughput in the
same stretches, and the same results. Takes about seven minutes. The last line is JSON.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server_contents import Contents, contents, lost_and_added
from study_folder import StudyFolder, study_folder

from studyhall.search.common.addresses import JOURNAL
from studyhall.search.data.datasets import fetch
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from tests.server import Server

STUDY, JOBS = "cifar10_grid", 2
BEFORE, AWAY, AFTER = 45.0, 60.0, 90.0  # seconds; the last has the server's start in it
OVERRIDES = (
    "study.sampler=random",
    "search_space.hidden_size.choices=[100]",
    "training.iterations=1500",
)
ENOUGH_TRIALS = 10_000

Stretch = tuple[float, float]


@dataclass(frozen=True)
class Run:
    """A study that was run.

    Attributes:
        trials: From when to when each finished trial lasted, in seconds since 1970.
        first_end: When the launch was seen to have finished a trial.
        stretches: Before, outage and after, in seconds from `first_end`.
        tracked: What MLflow has of the trials.
    """

    trials: list[Stretch]
    first_end: float
    stretches: dict[str, Stretch]
    tracked: Contents

    def an_hour(self, stretches: list[Stretch]) -> float:
        """Return the trials an hour in stretches of time."""
        done = sum(
            max(0.0, min(end, self.first_end + until) - max(start, self.first_end + since))
            / (end - start)
            for start, end in self.trials
            for since, until in stretches
        )
        return 3600 * done / sum(until - since for since, until in stretches)


@contextmanager
def server() -> Iterator[Server]:
    """Give a server in a folder of its own, both removed at the end."""
    with tempfile.TemporaryDirectory(prefix="studyhall-benchmark-") as folder:
        served = Server(Path(folder))
        try:
            yield served
        finally:
            with suppress(ProcessLookupError):  # it is away, and something failed meanwhile
                served.kill()


def finished(folder: StudyFolder) -> list[Stretch]:
    """Return from when to when each finished trial lasted, as the study has it."""
    study = recorded_study(read_storage(folder.folder / JOURNAL), STUDY)
    return [
        (trial.datetime_start.timestamp(), trial.datetime_complete.timestamp())
        for trial in (study.trials() if study else ())
        if trial.datetime_start and trial.datetime_complete
    ]


def interrupt(served: Server) -> tuple[float, float, float]:
    """Stop a server for a while; return when it was killed, was started, and answered."""
    time.sleep(BEFORE)
    killed = time.time()
    served.kill()
    time.sleep(AWAY)
    started = time.time()
    served.start()
    return killed, started, time.time()


def run(stop_server: bool) -> Run:
    """Launch the study beside a server of its own, which may be away for a while."""
    options = [word for override in OVERRIDES for word in ("--set", override)]
    limits = ("--trials", ENOUGH_TRIALS, "--timeout", BEFORE + AWAY + AFTER)
    stretches = {}
    with study_folder() as folder, server() as served:
        tracking = ("--tracking-uri", served.address)
        process = folder.start("launch", STUDY, "-j", JOBS, *limits, *tracking, *options)
        while not finished(folder):
            assert process.poll() is None
            time.sleep(0.2)
        first_end = time.time()
        times = interrupt(served) if stop_server else None
        process.communicate()
        assert process.returncode == 0
        trials = finished(folder)
        if times:
            killed, started, answered = (moment - first_end for moment in times)
            last_claim = max(start for start, _ in trials) - first_end
            assert last_claim > answered, "the study was over before the server was back"
            stretches = {
                "before": (0.0, killed),
                "outage": (killed, started),
                "after": (answered, last_claim),
            }
        return Run(trials, first_end, stretches, contents(served.folder))


def throughput(one: Run, stretches: dict[str, Stretch]) -> dict[str, float]:
    """Return the trials an hour in each stretch, and that of the outage against the others'."""
    rates = {name: one.an_hour([stretch]) for name, stretch in stretches.items()}
    others = one.an_hour([stretches["before"], stretches["after"]])
    figures = {f"{name}_trials_an_hour": round(rate) for name, rate in rates.items()}
    return {**figures, "outage_share": round(rates["outage"] / others, 3)}


def measure() -> dict[str, Any]:
    """Run the study with an outage and without; return the figures of both."""
    fetch("cifar10")
    disturbed, peer = run(stop_server=True), run(stop_server=False)
    stretches, trials = disturbed.stretches, len(disturbed.trials)
    ours, theirs = disturbed.an_hour([stretches["outage"]]), peer.an_hour([stretches["outage"]])
    common = min(trials, len(peer.trials))
    ended = sum(status != "RUNNING" for _, status in disturbed.tracked.runs)
    expected = peer.tracked.first(common)
    return {
        "trials": trials,
        "stretches_seconds": {k: [round(t, 1) for t in both] for k, both in stretches.items()},
        **throughput(disturbed, stretches),
        "peer": throughput(peer, stretches),
        "outage_to_peer": round(ours / theirs, 3),
        "trials_without_run": trials - ended,
        "compared": {
            "runs": expected.runs.total(),
            "points": expected.points.total(),
            "artifacts": expected.artifacts.total(),
        },
        **lost_and_added(expected, disturbed.tracked.first(common)),
    }


def main() -> None:
    """Print throughput and losses as one JSON line."""
    print(json.dumps({"benchmark": "outage", "jobs": JOBS, **measure()}))


if __name__ == "__main__":
    main()
