"""The trials of a recorded study as a table, for notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from search.options import Options
from search.recorded import recorded_summary
from search.storage import read_storage
from search.studies import recorded_study

if TYPE_CHECKING:
    from pandas import DataFrame


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

    recorded_summary(name, storage)  # says what is wrong with the name
    study = recorded_study(read_storage(Options(storage=storage).address), name)
    outcomes = study.outcomes(()) if study else []
    columns = ("number", "state", "value", "seconds", "reason")
    rows = [[getattr(outcome, column) for column in columns] for outcome in outcomes]
    table = DataFrame(rows, columns=columns).set_index("number")
    for parameter in study.spec.search_space if study else ():
        table[parameter] = [outcome.parameters.get(parameter) for outcome in outcomes]
    return table
