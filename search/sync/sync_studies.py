"""What waits of recorded studies, sent to MLflow by hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from studyhall.search.common.options import Options
from studyhall.search.study.observer import Observer, Quiet
from studyhall.search.study.recorded import recorded_summaries
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.sync.doctor import adopt
from studyhall.search.sync.outbox_homes import outboxes
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy, reopen

_HURRY_SECONDS = 3.0  # how long the end waits for what MLflow is being sent


@dataclass(frozen=True)
class Sent:
    """What `sync_studies` did for one study."""

    study: str
    sent: int
    unsent: tuple[FailedUpload, ...]

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        return asdict(self)


def sync_studies(
    name: str | None = None,
    options: Options | None = None,
    observer: Observer | None = None,
    patience_seconds: float = 60.0,
) -> list[Sent]:
    """Send the records that wait on this machine: in the working folder, or as a cluster's host.

    Args:
        name: A study; by default all that something waits of.
        options: Where things are kept.
        observer: Who is told of a fetch of the data, and of MLflow's troubles.
        patience_seconds: How long to try, for each folder in which records wait.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    options, observer = options or Options(), observer or Quiet()
    names = [name] if name else _waiting(options)
    return [_send(one, options, observer, patience_seconds) for one in names]


def _waiting(options: Options) -> list[str]:
    """The studies that something waits of."""
    recorded = [summary.name for summary in recorded_summaries(options.storage)]
    if not recorded:
        return []
    storage = open_storage(options.address)
    studies = {name: recorded_study(storage, name) for name in recorded}
    return [
        name
        for name, study in studies.items()
        if study and any(outbox.records() for outbox in outboxes(options, study.study_id))
    ]


def _send(name: str, options: Options, observer: Observer, patience_seconds: float) -> Sent:
    tracked = reopen(name, options, observer)
    try:
        parts = [
            _send_from(replace(tracked, outbox=outbox), observer, patience_seconds)
            for outbox in outboxes(options, tracked.study.study_id)
        ]
    finally:
        tracked.study.claims.live_after_grace()
        tracked.end()
    unsent = tuple(one for part in parts for one in part.unsent)
    return Sent(name, sum(part.sent for part in parts), unsent)


def _send_from(tracked: TrackedStudy, observer: Observer, patience_seconds: float) -> Sent:
    """Send what waits in one outbox."""
    uploader = tracked.uploader(observer.note)
    try:
        adopt(tracked.study, tracked.outbox)
        waiting = len(tracked.outbox.records())
        uploader.start()
        unsent = tuple(uploader.drain(patience_seconds))
    finally:
        uploader.stop(_HURRY_SECONDS)
    sent = waiting - len(tracked.outbox.records())
    return Sent(tracked.study.spec.study.name, sent, unsent)
