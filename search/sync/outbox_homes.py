"""The folders of this machine that hold outboxes, and the outboxes of studies that are gone."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

from filelock import Timeout
from platformdirs import user_state_path

from studyhall.search.common.addresses import redact
from studyhall.search.common.atomic_files import discard, sweep
from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.sync.outbox import Outbox

HOME = "STUDYHALL_HOME"
_LAUNCHES = ".studyhall"  # in a home: the folder of detached launches


def home() -> Path:
    """The folder of this host's records, which all its workers share."""
    return Path(os.environ.get(HOME) or user_state_path("studyhall")).resolve()


def make_home() -> Path:
    """The folder of this host's records, which only its user can open if it is created now.

    Raises:
        UsageError: it is another user's, who could plant records there.
        OSError: it cannot be created.
    """
    folder = home()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_own(folder)
    return folder


def outboxes(options: Options, study_id: str) -> list[Outbox]:
    """The outboxes of a study on this machine, that of the working folder first.

    Raises:
        UsageError: this host's home is another user's.
    """
    first, *others = outbox_homes(options)
    found = [folder / study_id for folder in others]
    return [Outbox(first / study_id), *(Outbox(folder) for folder in found if folder.is_dir())]


def outbox_homes(options: Options) -> list[Path]:
    """The folders of this machine that hold outboxes: the working folder's, and a cluster host's.

    Workers that share a volume have a numbered home each in it. Only studies in a database can have
    been on a cluster.

    Raises:
        UsageError: this host's home is another user's.
    """
    if isinstance(options.address, Path):
        return [options.home]
    own = home()
    if own.is_dir():
        _require_own(own)
    numbered = sorted(folder for folder in own.glob("*") if folder.name.isdecimal())
    homes = [place for folder in (own, *numbered) for place in (folder, folder / _LAUNCHES)]
    return list(dict.fromkeys([options.home, *homes]))


def _require_own(folder: Path) -> None:
    """Refuse another user's folder, unless it is root's, who can write everywhere anyway."""
    if (owner := folder.stat().st_uid) not in (0, os.geteuid()):
        raise UsageError(
            f"{HOME}: must be a folder of your own, or one that is not there yet, got {folder}, "
            f"which is that of user {owner}; name another"
        )


def leftovers(options: Options, known: Set[str]) -> Iterator[Path]:
    """The outboxes of studies that are not recorded, given the ids of those that are.

    Raises:
        UsageError: this host's home is another user's.
    """
    for home in outbox_homes(options):
        for folder in sorted(home.glob("*")):
            if _is_outbox(folder) and folder.name not in known:
                yield folder


def sweep_homes(options: Options) -> None:
    """Delete what is left of outboxes that a process was deleting when it was killed."""
    for place in outbox_homes(options):
        sweep(place)


def reason_to_stay(folder: Path, options: Options, tracked: Set[str]) -> str | None:
    """Why a leftover must stay, in a sentence; None if it can be deleted.

    `tracked` has the ids of the studies that are in MLflow, but not in the storage.
    """
    if folder.name in tracked:
        return (
            f"{folder}: belongs to a study that is in MLflow but not in {redact(options.address)}; "
            "it may be recorded elsewhere"
        )
    if Outbox(folder).records():
        return (
            f"{folder}: holds records that MLflow does not have; delete it yourself if you do not "
            "need them"
        )
    if folder.parent != options.home and Outbox(folder).entries():
        return (
            f"{folder}: holds the state of an unfinished trial, perhaps of a study in another "
            "database; delete it yourself if you do not need it"
        )
    return None


def remove_leftover(folder: Path) -> str | None:
    """Delete a leftover, or return why it stays, in a sentence."""
    try:
        with Outbox(folder).upload_lock():
            discard(folder)
    except Timeout:
        return f"{folder}: a launch is uploading from it; end it first"
    return None


def _is_outbox(folder: Path) -> bool:
    """Whether a folder has the name of an outbox: the id of a study."""
    with suppress(ValueError):
        return folder.is_dir() and uuid.UUID(hex=folder.name).hex == folder.name
    return False
