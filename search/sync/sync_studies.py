"""Uploads the records of studies that are kept on this machine, at the user's command."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from studyhall.search.common.options import Options
from studyhall.search.study.observer import Observer
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_studies
from studyhall.search.sync.doctor import adopt
from studyhall.search.sync.outbox_homes import outboxes
from studyhall.search.sync.outbox_uploader import FailedUpload
from studyhall.search.sync.tracked_study import TrackedStudy, reopen

_LAST_SECONDS = 3.0  # for the request that is under way when the time is over


@dataclass(frozen=True)
class SyncResult:
    """How many records of one study were uploaded, and which were not."""

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
) -> list[SyncResult]:
    """Upload the records on this machine: in the working folder, and in its home as a cluster host.

    Args:
        name: A study; by default all that have records here.
        options: Where things are kept.
        observer: Its methods are called when data are fetched, and when MLflow is unavailable.
        patience_seconds: How long to try, for each outbox.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
    """
    options, observer = options or Options(), observer or Observer()
    names = (
        [name]
        if name
        else [
            study.spec.study.name
            for study in recorded_studies(read_storage(options.address))
            if any(outbox.records() for outbox in outboxes(options, study.study_id))
        ]
    )
    return [_sync_study(one, options, observer, patience_seconds) for one in names]


def _sync_study(
    name: str, options: Options, observer: Observer, patience_seconds: float
) -> SyncResult:
    tracked = reopen(name, options, observer)
    try:
        sent, unsent = 0, list[FailedUpload]()
        for outbox in outboxes(options, tracked.study.study_id):
            of_outbox = replace(tracked, outbox=outbox)
            uploaded, left = _sync_outbox(of_outbox, observer, patience_seconds)
            sent, unsent = sent + uploaded, unsent + left
    finally:
        tracked.study.claims.live_after_grace()
        tracked.end()
    return SyncResult(name, sent, tuple(unsent))


def _sync_outbox(
    tracked: TrackedStudy, observer: Observer, patience_seconds: float
) -> tuple[int, list[FailedUpload]]:
    """Upload the records of one outbox; return how many were uploaded, and the others."""
    uploader = tracked.uploader(observer.note)
    try:
        adopt(tracked.study, tracked.outbox)
        waiting = len(tracked.outbox.records())
        uploader.start()
        unsent = uploader.drain(patience_seconds)
    finally:
        uploader.stop(_LAST_SECONDS)
    return waiting - len(tracked.outbox.records()), unsent
