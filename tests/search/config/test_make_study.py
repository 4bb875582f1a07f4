"""A study from Python: the same as from a file, with the same mistakes named."""

from __future__ import annotations

import tomllib

import pytest

from studyhall import UsageError, load_study, make_study
from studyhall.search.config.study_file import find_study


def test_tables_make_the_study_that_their_file_makes():
    tables = tomllib.loads(find_study("cifar10").read_text(encoding="utf-8"))
    assert make_study(tables) == load_study("cifar10")


def test_all_mistakes_are_named_together():
    tables = tomllib.loads(find_study("cifar10").read_text(encoding="utf-8"))
    tables["study"]["trials"] = 0
    tables["training"]["optimiser"] = "adam"
    with pytest.raises(UsageError) as caught:
        make_study(tables)
    assert str(caught.value).splitlines() == [
        "study.trials: must be at least 1, got 0",
        "training.optimiser: unknown key; did you mean 'optimizer'?",
    ]
