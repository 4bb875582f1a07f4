"""What MLflow has of a study's trials, and an uploader that works for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.outbox_uploader import OutboxUploader
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.study_runs import TrackedData, start_study
from studyhall.search.tracking.tracker import Tracker
from studyhall.search.training.record import Point, StoredRecord
from tests.waiting import PATIENCE

DATA = TrackedData("shades", "f" * 64, "https://example.org", 40, 20)

Curve = list[tuple[str, int, int, str]]


def open_tracker(uri: str, name: str) -> Tracker:
    """Open study `name`, a new one or not, in MLflow."""
    client = open_client(uri)
    return Tracker(start_study(client, name, f"id-of-{name}", DATA, {}), client)


def trial_runs(tracker: Tracker, view: ViewType = ViewType.ACTIVE_ONLY) -> list[Run]:
    """The runs of all trials, in the order of their numbers."""
    found = tracker.client.search_runs(
        [tracker.study_run.experiment_id], "tags.`studyhall.kind` = 'trial'", view
    )
    return sorted(found, key=lambda run: int(run.data.tags["studyhall.trial"]))


def curve_of(client: MlflowClient, run: Run) -> Curve:
    """Every point that MLflow has of a run."""
    return sorted(
        (key, point.step, point.timestamp, repr(point.value))
        for key in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, key)
    )


def curve_in(points: tuple[Point, ...]) -> Curve:
    """The points of a record, in the same form."""
    return sorted((p.key, p.step, p.timestamp, repr(p.value)) for p in points)


def is_whole(tracker: Tracker, records: list[StoredRecord]) -> bool:
    """Whether MLflow has exactly one run of each record, with all that it holds, and no other."""
    runs = trial_runs(tracker)
    status = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    assert [run.data.tags["studyhall.trial"] for run in runs] == [str(r.number) for r in records]
    for run, record in zip(runs, records, strict=True):
        assert run.info.status == status[record.state]
        assert run.data.tags["studyhall.state"] == record.state
        assert run.data.tags["studyhall.attempt"] == str(record.attempt)
        assert run.data.params == {key: str(value) for key, value in record.parameters.items()}
        assert len(run.inputs.dataset_inputs) == 1
        assert curve_of(tracker.client, run) == curve_in(record.points)
        names = {file.path for file in tracker.client.list_artifacts(run.info.run_id)}
        assert {"SHA256SUMS", "settings.json", "training_loss.csv"} <= names
        assert ("model" in names) == (record.state != "failed")
    return True


def left_in(outbox: Outbox) -> list[str]:
    """What is left in an outbox, but for the uploader's lock."""
    return sorted(path.name for path in outbox.folder.iterdir() if path.name != "sending.lock")


@contextmanager
def sending(
    tracker: Tracker,
    outbox: Outbox,
    accepted: Callable[[int, int], bool | None] = lambda *_: True,
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[OutboxUploader]:
    """An uploader at work."""
    uploader = OutboxUploader(tracker, outbox, accepted, notify)
    uploader.start()
    try:
        yield uploader
    finally:
        assert uploader.stop(PATIENCE)
