"""A study set aside by a process that is killed between any two of its writes."""

from __future__ import annotations

from itertools import count
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from studyhall import StudySpec
from studyhall.search.config.study_spec import FinalistsSection, finalists_name
from studyhall.search.study.finalists import chosen, finalists_spec
from studyhall.search.study.renaming import finish_renaming
from studyhall.search.study.samplers import distribution_of
from studyhall.search.study.storage import open_storage, read_storage
from studyhall.search.study.studies import (
    open_study,
    recorded_finalists,
    recorded_studies,
    set_aside,
    study_ids,
)
from studyhall.search.study.study import Study
from tests.killed import KilledError, in_child
from tests.search.moons import SPEC


@pytest.fixture(params=["journal", "postgresql"])
def address(request, tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    if request.param == "journal":
        return str(tmp_path / "folder" / "journal")
    return request.getfixturevalue("database")


def add_trials(study: Study, values: list[float]) -> None:
    for value in values:
        parameters = {"hidden_size": 3, "learning_rate": value / 10}
        study.storage.create_new_trial(
            study._id,
            optuna.trial.create_trial(
                state=TrialState.COMPLETE,
                value=value,
                params=parameters,
                distributions={n: distribution_of(study.spec.search_space[n]) for n in parameters},
                intermediate_values={1: value / 2},
                user_attrs={"seconds": value},
                system_attrs={"rung": [value]},
            ),
        )


def record(address: str, *, finalists: bool) -> str:
    """Record a study of three trials, with its finalists if wanted; return its id."""
    storage = open_storage(address)
    search = open_study(storage, StudySpec.model_validate(SPEC), "data")
    add_trials(search, [0.1, 0.3])
    search.ask_to_stop(at_once=False)
    if finalists:
        wanted = FinalistsSection(configurations=1, seeds=2)
        spec = finalists_spec(search.spec, chosen(search, 1), wanted, None)
        add_trials(open_study(storage, spec, "data", search), [0.25])
    return search.study_id


def recorded(storage: BaseStorage) -> dict[str, Any]:
    """All that a storage says of studies, but for their names: by the names."""
    return {
        study.spec.study.name: (
            [
                (t.number, t.state, t.value, t.params, t.intermediate_values, t.user_attrs)
                for t in study.trials()
            ],
            [t.system_attrs for t in study.trials()],
            (study.study_id, study.search_id, study.experiment, study.data_fingerprint),
            (study.spec.study.trials, study.stop_asked()),
        )
        for study in recorded_studies(storage)
    }


def set_aside_again(address: str, study_id: str) -> None:
    storage = open_storage(address)
    set_aside(storage, study_ids(storage)[study_id], study_id)


def looked_at(address: str) -> tuple[dict[str, Any], list[str], str | None]:
    """What a reader finds at once, the names that are left in the end, and the finalists'."""
    read, storage = recorded(read_storage(address)), open_storage(address)
    finish_renaming(storage)
    assert recorded(storage) == read
    finalists = recorded_finalists(recorded_studies(storage)[0])
    left = storage.get_all_studies()
    assert not any(one.user_attrs.get("studyhall.new_name") for one in left)
    names = sorted(one.study_name for one in left)
    return read, names, finalists and finalists.spec.study.name


@pytest.mark.long
@pytest.mark.parametrize("finalists", [True, False])
def test_a_process_killed_at_any_write_leaves_all_as_it_was_or_all_done(address, finalists):
    study_id = in_child(lambda: record(address, finalists=finalists))
    contents = list(in_child(lambda: looked_at(address))[0].values())
    name, names = "moons", ["moons"]
    for write in count(1):
        killed = False
        try:
            in_child(lambda: set_aside_again(address, study_id), write)
        except KilledError:
            killed = True
        read, left, own = in_child(lambda: looked_at(address))
        assert list(read.values()) == contents
        assert sorted(read) == left
        assert left[0] in (name, f"{name}.1")
        assert own == (finalists_name(left[0]) if finalists else None)
        if not killed:
            break
        name = left[0]
        names.append(name)
    assert left[0] == f"{name}.1"
    if finalists and address.endswith("journal"):  # a database takes all writes at once
        assert len(set(names)) > 1


def test_copies_that_another_version_or_a_user_left_count_for_nothing(tmp_path):
    address = str(tmp_path / "journal")
    study_id = record(address, finalists=True)
    storage = open_storage(address)
    for name, copy in [("moons", "moons.1"), ("moons.finalists", "moons.2.finalists")]:
        optuna.copy_study(
            from_study_name=name, from_storage=storage, to_storage=storage, to_study_name=copy
        )
    before = recorded(storage)
    assert list(before) == ["moons", "moons.finalists"]
    finish_renaming(storage)
    set_aside(storage, "moons", study_id)
    finish_renaming(storage)
    set_aside(storage, "moons", study_id)  # repeated, as after an answer that was lost
    assert list(recorded(storage)) == ["moons.3", "moons.3.finalists"]
    assert list(recorded(storage).values()) == list(before.values())
    assert len(storage.get_all_studies()) == 4


def test_a_study_that_was_only_begun_gets_the_direction_of_the_next_launch(tmp_path):
    storage = open_storage(tmp_path / "journal")
    optuna.create_study(study_name="moons", storage=storage, direction="minimize")
    study = open_study(storage, StudySpec.model_validate(SPEC), "data")
    assert study.optuna_study().direction is StudyDirection.MAXIMIZE
