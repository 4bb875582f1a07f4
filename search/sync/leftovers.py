"""What studies that are gone have left on this machine: the folders in which records waited."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from studyhall.search.common.addresses import redact
from studyhall.search.common.atomic_files import discard
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.options import Options
from studyhall.search.sync.host_home import outbox_homes
from studyhall.search.sync.outbox import Outbox


def leftovers(options: Options, known: Set[str]) -> Iterator[Path]:
    """The outboxes of studies that are not recorded.

    Args:
        options: Where things are kept.
        known: The ids of the studies that are.

    Raises:
        UsageError: this host's home is another user's.
    """
    for home in outbox_homes(options):
        for folder in sorted(home.glob("*")):
            if _is_spool(folder) and folder.name not in known:
                yield folder


def reason_to_stay(folder: Path, options: Options, tracked: Set[str]) -> str | None:
    """Why a leftover must stay, in a sentence; None if it may go.

    Args:
        folder: The leftover.
        options: Where things are kept.
        tracked: The ids of the studies that MLflow has and the storage has not.
    """
    if folder.name in tracked:
        return (
            f"{folder}: is of a study that MLflow has and {redact(options.address)} has not; "
            "it may be recorded elsewhere"
        )
    if Outbox(folder).records():
        return (
            f"{folder}: holds records that MLflow does not have; delete it by hand if they are "
            "of no use"
        )
    if folder.parent != options.home and Outbox(folder).entries():
        return (
            f"{folder}: holds what a trial had come to, perhaps of a study in another database; "
            "delete it by hand if it is of no use"
        )
    return None


def remove_leftover(folder: Path) -> None:
    """Delete a leftover.

    Raises:
        StudyhallError: a launch is at work in it.
    """
    try:
        with Outbox(folder).upload_lock():
            discard(folder)
    except Timeout:
        raise StudyhallError(f"{folder}: a launch is sending from it; end it first") from None


def _is_spool(folder: Path) -> bool:
    """Whether a folder is named as outboxes are: by the id of a study."""
    with suppress(ValueError):
        return folder.is_dir() and uuid.UUID(hex=folder.name).hex == folder.name
    return False
