"""Open a recorded study by its name, and summarize what the storage has of it."""

from __future__ import annotations

from pathlib import Path

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.options import Options
from studyhall.search.config.study_file import shipped_studies, unknown_study
from studyhall.search.study.finalists import with_finals
from studyhall.search.study.renaming import finish_renaming
from studyhall.search.study.storage import open_storage, read_storage
from studyhall.search.study.studies import has_lost_settings, recorded_studies, recorded_study
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary, summarize


def open_recorded(name: str, storage: Path | str | None = None, *, writable: bool = False) -> Study:
    """Open a recorded study by its name; a storage that does not exist is not created.

    Args:
        name: The study.
        storage: The journal file or the address of a database; the working folder's by default.
        writable: Whether something will be recorded in it.

    Raises:
        UsageError: It was not run here, or there is no such study.
        StudyhallError: The storage lost what study it is.
    """
    address = Options(storage=storage).address
    opened = read_storage(address)
    study = recorded_study(opened, name)
    if study and writable:
        finish_renaming(opened := open_storage(address))
        study = recorded_study(opened, name)
    if study:
        return study
    if has_lost_settings(opened, name):
        raise StudyhallError(
            f"{name}: its settings are missing in the storage; launch it with its study file, "
            "which records them again"
        )
    if name in shipped_studies():
        raise UsageError(f"{name}: no trial was run here yet; start with `studyhall launch {name}`")
    here = (study.spec.study.name for study in recorded_studies(opened))
    raise unknown_study(name, sorted({*here, *shipped_studies()}))


def recorded_path(study_id: str) -> str | None:
    """Where the working folder's journal says that a study's own data are; None if it does not.

    A database is not asked: others write to it, too.
    """
    studies = recorded_studies(read_storage(Options().address))
    paths = (one.spec.data_settings.path for one in studies if one.study_id == study_id)
    return next(paths, None)


def recorded_summary(name: str, storage: Path | str | None = None) -> StudySummary:
    """Summarize one recorded study, with its finalists.

    Raises:
        UsageError: It was not run here, or there is no such study.
    """
    return summary_of(open_recorded(name, storage))


def recorded_summaries(storage: Path | str | None) -> list[StudySummary]:
    """Summarize every recorded study; the list is empty if nothing was run here yet."""
    opened = read_storage(Options(storage=storage).address)
    return [summary_of(study) for study in recorded_studies(opened)]


def summary_of(study: Study) -> StudySummary:
    """Summarize a study, with its finalists."""
    return with_finals(summarize(study), study)
