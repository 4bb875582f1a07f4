"""What `studyhall gc` prints."""

from __future__ import annotations

from studyhall.search.cli.champion_view import print_json
from studyhall.search.sync.retention import Collection

_NAMES = {
    "run": "deleted run",
    "weights": "weights of run",
    "outbox": "left by a study that is gone:",
}


def show_collection(found: Collection, as_json: bool) -> None:
    """Print what may go, or is gone, with its bytes, and what was left though it might have."""
    if as_json:
        print_json(found.to_dict())
        return
    for one in found.removals:
        trial = "" if one.trial is None else f" trial {one.trial}:"
        print(f"{one.study}:{trial} {_NAMES[one.kind]} {one.what} ({one.size:,} bytes)")
    for sentence in found.kept:
        print(f"kept: {sentence}")
    number = len(found.removals)
    print(f"{'deleted' if found.done else 'may go'}: {number:,} of them, {found.size:,} bytes")
    if found.manual_command:
        print(f"MLflow's server deletes runs by a command of its own: {found.manual_command}")
    if number and not found.done:
        print("to delete them for good: the same command with --yes")
