"""A study's champion, loaded from the registry and compared with the study's own record of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.options import Options
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import identity_of, recorded_finalists, recorded_study
from studyhall.search.study.study import Study
from studyhall.search.study.summary import summarize
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.registry import Champion, load_champion
from studyhall.search.tracking.study_runs import STUDY_ID, WEIGHTS_SHA256


def champion(
    name: str, tracking_uri: str | None = None, storage: Path | str | None = None
) -> Champion:
    """Load the champion of a study from the registry.

    If the storage has the study, its champion is found by the study's id and must be as the storage
    records it. Otherwise it is the champion of the registered model of that name.

    Args:
        name: The study.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.
        storage: The journal file or database of the study; by default in the working folder.

    Raises:
        UsageError: no champion is registered, or it is not this study's.
        StudyhallError: the registry names one whose files are gone, changed or damaged.
    """
    if missing_database(tracking_uri):  # opening the client would create an empty database
        raise UsageError(
            f"{name}: no champion is registered here; launch the study until a trial has completed"
        )
    address = Options(storage=storage).address
    opened = read_storage(address)
    study = recorded_study(opened, name)
    if study and study.is_whole() and study.best() is None:
        raise UsageError(summarize(study).no_best)
    winner = load_champion(open_client(tracking_uri), identity_of(opened, name))
    return _as_recorded(winner, study, isinstance(address, Path)) if study else winner


def _as_recorded(winner: Champion, study: Study, local: bool) -> Champion:
    """Require a champion to be what the study's storage records, and take its settings from there.

    Only a journal is this machine's own: a path in a database may be that of another machine.
    """
    tags, named = winner.run.data.tags, f"{winner.name}: version {winner.version}"
    both = [one for one in (study, recorded_finalists(study)) if one]
    results = {
        (one.study_id, str(result.number)): (one.spec, result)
        for one in both
        for result in one.finished()
    }
    found = results.get((tags.get(STUDY_ID, ""), tags.get("studyhall.trial", "")))
    if found is None:
        raise StudyhallError(
            f"{named}: the study has no trial {tags.get('studyhall.trial')} that ended; launch it "
            "again to register its champion"
        )
    spec, result = found
    settings = spec.resolve(result.parameters or {})
    changed = result.weights_sha256 not in (None, tags.get(WEIGHTS_SHA256))
    if changed or _without_path(winner) != _without_path(replace(winner, settings=settings)):
        what = "weights" if changed else "settings"
        raise StudyhallError(
            f"{named}: its {what} must be those that the study recorded for trial {result.number}; "
            f"`studyhall doctor {winner.name} --fix` restores its run"
        )
    return replace(winner, settings=settings, path_is_own=local)


def _without_path(winner: Champion) -> dict[str, object]:
    """The settings but for the path of the data, which a launch after they were moved changes."""
    return winner.settings.model_dump(exclude={"data": {"path"}})
