"""The finalists of a study as a report has them."""

from __future__ import annotations

from importlib import import_module, util
from typing import TYPE_CHECKING

from search.study import Study
from search.study_facts import FinalistFacts, FinalsFacts

if TYPE_CHECKING:
    from optuna.storages import BaseStorage


def finals_of(storage: BaseStorage, study: Study) -> FinalsFacts | None:
    """A study's finalists, best first by mean; None if none were trained again."""
    if util.find_spec("search.finalists") is None:
        return None
    finals = import_module("search.finalists").recorded_finals(storage, study)
    if finals is None:
        return None
    finalists = [
        FinalistFacts(f.trial, f.value, f.parameters, f.values, f.mean, f.deviation)
        for f in finals.finalists
    ]
    return FinalsFacts(finals.metric, finals.seeds, finalists, finals.optimism)
