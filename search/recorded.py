"""Studies that were run, read from the storage without changing it."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import UsageError
from search.options import Options
from search.storage import read_storage
from search.studies import recorded_study, study_names
from search.study import Study
from search.study_file import shipped_studies
from search.summary import StudySummary, summarize

if TYPE_CHECKING:
    from pandas import DataFrame


def recorded_summaries(storage: Path | str | None) -> list[StudySummary]:
    """Where every recorded study stands; none if nothing was run here yet."""
    opened = read_storage(Options(storage=storage).address)
    studies = (recorded_study(opened, name) for name in sorted(study_names(opened)))
    return [summarize(study) for study in studies if study is not None]


def recorded_summary(name: str, storage: Path | str | None = None) -> StudySummary:
    """Where one recorded study stands.

    Args:
        name: The study.
        storage: The journal file or the address of a database; the working folder's by default.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    return summarize(_find(name, storage))


def recorded_trials(name: str, storage: Path | str | None = None) -> DataFrame:
    """The finished trials of a recorded study as a table, a row each, by their numbers.

    Its columns are `state` ("complete", "pruned" or "failed"), `value` (of the study's metric; of
    a pruned trial the last one), `seconds` of training, `reason` (why it was pruned or failed), and
    each parameter of the search space by its name. What a trial has not is missing there.

    Args:
        name: The study.
        storage: The journal file or the address of a database; the working folder's by default.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    from pandas import DataFrame

    study = _find(name, storage)
    outcomes = study.outcomes(())
    columns = ("number", "state", "value", "seconds", "reason")
    rows = [[getattr(outcome, column) for column in columns] for outcome in outcomes]
    table = DataFrame(rows, columns=columns).set_index("number")
    for parameter in study.spec.search_space:
        table[parameter] = [outcome.parameters.get(parameter) for outcome in outcomes]
    return table


def _find(name: str, storage: Path | str | None) -> Study:
    """A recorded study.

    Raises:
        UsageError: it was not run here, or there is no such study.
    """
    opened = read_storage(Options(storage=storage).address)
    if study := recorded_study(opened, name):
        return study
    if name in shipped_studies():
        raise UsageError(f"{name}: no trial was run here yet; start with `studyhall launch {name}`")
    known = sorted({*study_names(opened), *shipped_studies()} - {name})
    near = " or ".join(f"'{n}'" for n in get_close_matches(name, known, n=3, cutoff=0.5) or known)
    raise UsageError(f"{name}: unknown study; did you mean {near}?")
