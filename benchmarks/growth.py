"""What do search and recording of a trial cost as a study grows to 10,000 trials?

A study of points in the plane whose trials train for six iterations, pruned by Hyperband, with
random search and with TPE. For each there are three processes, each with a study in an empty
folder: a journal, and MLflow's SQLite database. A few trials are run; then the study is made as
large as it is to be: their lines in the journal are copied under new numbers and with new
parameters, and the rows of one run in MLflow's database under new ids, with plain SQL
(`filled_study.py`). Copies have no artifacts. Then the processes take turns: each runs and sends
one trial about the 100th, the 1,000th and the 10,000th. The first turn does not count.

Medians, in milliseconds:

- claim, propose, prune: what the search takes; TPE proposes from all trials that it sees.
- recording: store, enter and send together. `store` writes the record with its pictures, `enter`
  tells the study, `send` brings the record to MLflow.
- look: what the launching process does twice a second to see which trials have ended.

`requests` counts the calls of MLflow's client that a trial needs, `statements` the SQL statements
that come of them. The peer is the small study: `recording_growth` is the median over the turns of
what recording takes, as a multiple of what it takes there. Takes about four minutes and 2 GB of
memory. The last line is JSON.
"""

import json
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from os import chdir
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from filled_study import fill_journal, fill_mlflow
from opened_study import OpenedStudy, Times, milliseconds, opened, parts_timed
from sqlalchemy import Engine, event
from study_folder import environment
from threadpoolctl import threadpool_limits

from studyhall.search.common.addresses import JOURNAL
from studyhall.search.config.study_file import load_study
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.tracking.tracker import Tracker

SIZES, SAMPLERS, TURNS, REAL = (100, 1_000, 10_000), ("random", "tpe"), 15, 12
STUDY = f"""\
[study]
name = "growth"
metric = "validation_loss"
direction = "minimize"
trials = {2 * max(SIZES)}
pruner = "hyperband"

[data]
name = "two_moons"
train = 200
validation = 100
preprocessing = "none"

[network]
hidden = [8]

[training]
optimizer = "nesterov"
batch_size = 100
epochs = 3

[search_space]
learning_rate       = {{ type = "float", low = 1e-3, high = 1e-1, log = true }}
learning_rate_decay = {{ type = "float", low = 0.6, high = 0.95 }}
momentum            = {{ type = "float", low = 0.5, high = 0.99 }}
l2                  = {{ type = "float", low = 1e-5, high = 1e-2, log = true }}
"""


class CountingClient:
    """MLflow's client, which counts its calls and the SQL statements of the whole process."""

    def __init__(self, client: Any) -> None:
        self.counts: Counter[str] = Counter()
        self._client = client
        event.listen(Engine, "before_cursor_execute", self._count_statement)

    def __getattr__(self, name: str) -> Any:
        self.counts["requests"] += 1
        return getattr(self._client, name)

    def _count_statement(self, *_: object) -> None:
        self.counts["statements"] += 1


class Trials:
    """Runs the trials of an opened study, and brings each to MLflow before the next."""

    def __init__(self, place: OpenedStudy) -> None:
        self._place = place
        self._client = CountingClient(place.tracker.client)
        tracker = Tracker(place.tracker.study_run, self._client)  # type: ignore[arg-type]
        self._uploader = OutboxUploader(tracker, place.outbox, place.study.accepted, print)

    def run(self) -> Times:
        """Run the next trial; return what its parts took, and the requests it needed."""
        study, known = self._place.study, range(len(self._place.study.trials()))
        with parts_timed() as times:
            assert self._place.workplace.run_next() is None
        self._client.counts.clear()
        times["send"] = milliseconds(self._uploader.upload_pass)
        times["recording"] = times["store"] + times["enter"] + times["send"]
        times["look"] = milliseconds(lambda: study.finished(known))
        assert len(study.trials()) == len(known) + 1
        assert self._place.outbox.entries() == []
        return {**times, **self._client.counts}


_trials: Trials | None = None  # a study a process


def prepare(sampler: str, size: int, folder: Path) -> None:
    """Open a study in `folder` and make it so large that the trials to come are about the nth."""
    global _trials
    chdir(folder)  # MLflow's defaults are of the working folder
    Path("growth.toml").write_text(STUDY, encoding="utf-8")
    place = opened(load_study("growth.toml", [f"study.sampler={sampler}"]), folder)
    _trials = Trials(place)
    for _ in range(REAL):
        _trials.run()
    wanted = size - TURNS // 2
    fill_journal(Path(JOURNAL), wanted, np.random.default_rng(0))
    fill_mlflow(Path("mlflow.db"), place.tracker.run_of(0), range(REAL, wanted))


def next_trial() -> Times:
    """Run the next trial of this process's study."""
    assert _trials is not None
    return _trials.run()


def take_turns(sampler: str, folder: Path) -> list[dict[int, Times]]:
    """Return what a trial took at each size, turn by turn."""
    with ExitStack() as stack:
        spawned, threads = (
            get_context("spawn"),
            {"initializer": threadpool_limits, "initargs": (1,)},
        )
        processes = {
            size: stack.enter_context(ProcessPoolExecutor(1, spawned, **threads)) for size in SIZES
        }
        prepared = []
        for size, process in processes.items():
            (place := folder / f"{sampler}-{size}").mkdir()
            prepared.append(process.submit(prepare, sampler, size, place))
        for one in prepared:
            one.result()
        return [
            {size: process.submit(next_trial).result() for size, process in processes.items()}
            for _ in range(TURNS + 1)
        ][1:]


def measure(sampler: str) -> dict[str, Any]:
    """Run the studies of one sampler; return the medians at each size, and the growth."""
    with tempfile.TemporaryDirectory(prefix="studyhall-benchmark-") as folder:
        turns = take_turns(sampler, Path(folder))
    names, small = turns[0][SIZES[0]], SIZES[0]
    medians = {
        size: {name: round(median(turn[size][name] for turn in turns), 2) for name in names}
        for size in SIZES
    }
    growth = {
        size: round(median(t[size]["recording"] / t[small]["recording"] for t in turns), 3)
        for size in SIZES
    }
    return {"recording_growth": growth, "medians": medians}


def main() -> None:
    """Print the figures of each sampler and size as one JSON line."""
    with patch.dict("os.environ", environment(), clear=True):
        found = {sampler: measure(sampler) for sampler in SAMPLERS}
    print(json.dumps({"benchmark": "growth", "turns": TURNS, **found}))


if __name__ == "__main__":
    main()
