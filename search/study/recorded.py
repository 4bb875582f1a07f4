"""Studies that were run, read from the storage without changing it."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.config.study_file import shipped_studies
from studyhall.search.study.finalists import with_finals
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study, study_names
from studyhall.search.study.study import Study
from studyhall.search.study.summary import StudySummary, summarize

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def recorded_summaries(storage: Path | str | None) -> list[StudySummary]:
    """Where every recorded study stands; none if nothing was run here yet."""
    opened = read_storage(Options(storage=storage).address)
    studies = (recorded_study(opened, name) for name in sorted(study_names(opened)))
    return [summary_of(opened, study) for study in studies if study is not None]


def recorded_summary(name: str, storage: Path | str | None = None) -> StudySummary:
    """Where one recorded study stands.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    opened = read_storage(Options(storage=storage).address)
    return summary_of(opened, open_recorded(name, opened))


def summary_of(storage: BaseStorage, study: Study) -> StudySummary:
    """Where a study of a storage stands, with its finalists."""
    return with_finals(summarize(study), study, storage)


def open_recorded(name: str, storage: BaseStorage) -> Study:
    """Open a recorded study.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    if study := recorded_study(storage, name):
        return study
    if name in shipped_studies():
        raise UsageError(f"{name}: no trial was run here yet; start with `studyhall launch {name}`")
    here = (n for n in study_names(storage) if recorded_study(storage, n))
    known = sorted({*here, *shipped_studies()})
    near = " or ".join(f"'{n}'" for n in get_close_matches(name, known, n=3, cutoff=0.5) or known)
    raise UsageError(f"{name}: unknown study; did you mean {near}?")
