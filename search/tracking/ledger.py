"""The ledger of a test split: who evaluated on it, when, which model, and with which result.

A reading of the split is entered before the split is opened and completed after it, so that the
ledger also has readings that were interrupted. Each one is a run in MLflow beside the trials;
deleting that run there hides it from the UI, but not from the ledger.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from studyhall.search.common.owner import is_running, new_owner, person
from studyhall.search.tracking import study_runs
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.training.record import Point

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

Reader = Literal["evaluation", "reproduction"]
READERS: tuple[Reader, ...] = get_args(Reader)
_OWNER = "studyhall.read_process"
_READER, _MODEL = "studyhall.read_by", "studyhall.read_model"
ACCURACY, LOW, HIGH = "test_accuracy", "test_accuracy_low", "test_accuracy_high"
_METRICS_PER_REQUEST = 1000  # MLflow refuses more
EXAMPLES, GAP = "test_examples", "validation_test_gap"


@dataclass(frozen=True)
class Reading:
    """One reading of the test split.

    Attributes:
        when: When it began, in UTC.
        who: The user and machine.
        reader: An evaluation of one model, or a reproduction of published figures.
        model: Which model was evaluated.
        study_id: The study's id; a study that starts over gets another.
        run_id: The run that records the reading.
        fingerprint: The data's.
        examples: The number of test examples; None for a reading without a result.
        accuracy: The share of them classified correctly; None also if there were several models.
        interval: Its 95 % interval.
        test_fingerprint: The test part's; empty in readings from before it was recorded.
        study: The name of the study's experiment.
        experiment_id: That experiment.
        under_way: Whether it has not ended, as far as this machine can tell.
    """

    when: datetime
    who: str
    reader: str
    model: str
    study_id: str
    run_id: str
    fingerprint: str
    examples: int | None
    accuracy: float | None
    interval: tuple[float, float] | None
    test_fingerprint: str = ""
    study: str = ""
    experiment_id: str = ""
    under_way: bool = False

    @property
    def incomplete(self) -> str | None:
        """Why there is no result, in words; None if there is one."""
        if self.examples is not None:
            return None
        return "under way" if self.under_way else "broken off"

    def to_dict(self) -> dict[str, object]:
        """The reading as JSON holds it."""
        return {**asdict(self), "when": self.when.isoformat()}


@dataclass(frozen=True)
class Ledger:
    """The readings by a study, and those of the same test set by other studies, the oldest first.

    Readings by studies of the same name that were set aside count as the study's own: they ask the
    same question, and normally of the same test set.
    """

    own: tuple[Reading, ...] = ()
    others: tuple[Reading, ...] = ()

    def without(self, run_id: str) -> Ledger:
        """The readings except that of one run."""
        return Ledger(tuple(one for one in self.own if one.run_id != run_id), self.others)

    @property
    def other_studies(self) -> str:
        """The names of the other studies, separated by commas."""
        return ", ".join(sorted({one.study for one in self.others}))


@dataclass(frozen=True)
class Entry:
    """A reading that has been entered and has no result yet."""

    client: MlflowClient
    run_id: str

    def record(self, metrics: Mapping[str, float]) -> None:
        """Enter the result, which from then on is in the ledger whatever happens."""
        now = int(time.time() * 1000)
        points = [Point(key=k, value=v, step=0, timestamp=now) for k, v in metrics.items()]
        with explained("the reading of the test split"):
            for start in range(0, len(points), _METRICS_PER_REQUEST):
                batch = points[start : start + _METRICS_PER_REQUEST]
                self.client.log_batch(self.run_id, metrics=study_runs.metrics_of(batch))

    def complete(self, folder: Path) -> None:
        """Add the files with the result's details, and end the reading."""
        with explained("the reading of the test split"):
            self.client.log_artifacts(self.run_id, str(folder))
            self.client.set_terminated(self.run_id)


@contextmanager
def reading(
    client: MlflowClient, study_run: Run, reader: Reader, model: str, tags: Mapping[str, str]
) -> Iterator[Entry]:
    """Enter a reading of the test split before it takes place; mark it as failed if it fails.

    The study's run becomes the parent of the reading's, which gets the tags.

    Raises:
        StudyhallError: MLflow does not take the entry: then nothing may be read.
    """
    described = {
        "mlflow.parentRunId": str(study_run.info.run_id),
        "studyhall.kind": reader,
        study_runs.STUDY_ID: study_run.data.tags.get(study_runs.STUDY_ID, ""),
        _READER: person(),
        _OWNER: new_owner(),
        _MODEL: model,
        study_runs.FINGERPRINT: study_run.data.tags.get(study_runs.FINGERPRINT, ""),
    }
    name, started = f"{reader} of {model}", int(time.time() * 1000)
    with explained("the ledger of the test split"):
        run = client.create_run(
            study_run.info.experiment_id, started, {**described, **tags}, run_name=name
        )
    entry = Entry(client, str(run.info.run_id))
    try:
        yield entry
    except BaseException:
        with explained("the ledger of the test split"):
            client.set_terminated(entry.run_id, "FAILED")
        raise


def end_broken_readings(client: MlflowClient, experiment_id: str) -> None:
    """End the unfinished readings of an experiment whose process on this machine is gone."""
    for reader in READERS:
        wanted = f"tags.`studyhall.kind` = '{reader}' and attributes.status = 'RUNNING'"
        for run in study_runs.search_runs(client, experiment_id, wanted):
            if is_running(run.data.tags.get(_OWNER, "")) is False:
                with explained("the ledger of the test split"):
                    client.set_terminated(run.info.run_id, "FAILED")


def read_ledger(
    client: MlflowClient,
    experiment_id: str,
    fingerprint: str,
    test_fingerprint: str,
    siblings: Container[str] = (),
) -> Ledger:
    """All readings of a study's test split, by it and by all other studies in this MLflow.

    The readings of its siblings, which are given by their ids, are its own; without siblings, those
    in its experiment, which other people may use too.

    The fingerprint of all data identifies readings without one of the test part, which is empty for
    a study whose own is not known.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    names, found = study_runs.experiment_names(client), list[Reading]()
    for reader in READERS:
        wanted = f"tags.`studyhall.kind` = '{reader}'"
        runs = study_runs.search_runs(client, list(names), wanted, deleted=True)
        found += [_reading(run, names[str(run.info.experiment_id)]) for run in runs]
    found.sort(key=lambda one: (one.when, one.run_id))
    own = [
        one
        for one in found
        if (
            one.study_id in siblings
            if siblings and one.study_id
            else one.experiment_id == experiment_id
        )
    ]
    # Studies from before test fingerprints were recorded have them in later readings only.
    later = {one.test_fingerprint for one in own if one.fingerprint == fingerprint}
    tests, data = (later | {test_fingerprint}) - {""}, {fingerprint} - {""}
    others = [
        one
        for one in found
        if one not in own and (one.test_fingerprint in tests or one.fingerprint in data)
    ]
    return Ledger(tuple(own), tuple(others))


def study_run_of(client: MlflowClient, run: Run) -> Run:
    """The run of the search that a trial's run belongs to, also if the trial is a finalist's."""
    while above := run.data.tags.get("mlflow.parentRunId"):
        with explained("the study's run"):
            run = client.get_run(above)
    return run


def earlier_measures(client: MlflowClient, trial: Run) -> dict[str, dict[str, float]]:
    """The measures of the last complete reproduction of a trial's study, by run; empty if none."""
    parent = trial.data.tags.get("mlflow.parentRunId", "")
    wanted = (
        f"tags.`studyhall.kind` = 'reproduction' and tags.`mlflow.parentRunId` = '{parent}' "
        "and attributes.status = 'FINISHED'"
    )
    found = study_runs.search_runs(client, trial.info.experiment_id, wanted)
    if not found:
        return {}
    with explained("the last reproduction"), tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(found[0].info.run_id, "reproduction.json", folder)
        measured = json.loads(Path(path).read_bytes())["readings"]
    return {run: dict(values) for run, values in measured.items()}


def _reading(run: Run, study: str) -> Reading:
    tags, metrics = run.data.tags, run.data.metrics
    low, high = metrics.get(LOW), metrics.get(HIGH)
    examples = metrics.get(EXAMPLES)
    version = tags.get("studyhall.judged_version")  # runs from before there was a ledger
    return Reading(
        when=datetime.fromtimestamp(int(run.info.start_time) / 1000, UTC),
        who=tags.get(_READER, "not known"),
        reader=tags["studyhall.kind"],
        model=tags.get(_MODEL, f"version {version}" if version else "not known"),
        study_id=tags.get(study_runs.STUDY_ID, ""),
        run_id=str(run.info.run_id),
        fingerprint=tags.get(study_runs.FINGERPRINT, ""),
        examples=None if examples is None else int(examples),
        accuracy=metrics.get(ACCURACY),
        interval=None if low is None or high is None else (low, high),
        test_fingerprint=tags.get(study_runs.TEST_FINGERPRINT, ""),
        study=study,
        experiment_id=str(run.info.experiment_id),
        under_way=run.info.status == "RUNNING" and is_running(tags.get(_OWNER, "")) is not False,
    )
