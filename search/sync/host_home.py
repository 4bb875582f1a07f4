"""Where a host of a cluster keeps the records that MLflow does not have yet; who looks there."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_state_path

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.sync.outbox import Outbox

HOME = "STUDYHALL_HOME"
_LAUNCHES = ".studyhall"  # in a home: what the launches keep that were left to a worker


def home() -> Path:
    """The folder of this host's records; all its workers use the same."""
    return Path(os.environ.get(HOME) or user_state_path("studyhall")).resolve()


def make_home() -> Path:
    """The folder of this host's records, which no other user may see into if it is made now.

    Raises:
        UsageError: it is another user's, who could plant records there.
        OSError: it cannot be made.
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
    """The folders on this machine that have outboxes in them: the working folder's, and a host's.

    Workers that share a volume have numbered folders there, each the home of one. Only what a
    database records has been on a cluster.

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
    """Refuse a folder of another user but root, who may read and write everything anyhow."""
    if (owner := folder.stat().st_uid) not in (0, os.geteuid()):
        raise UsageError(
            f"{HOME}: must be a folder of your own, or one that is not there yet, got {folder}, "
            f"which is that of user {owner}; name another"
        )
