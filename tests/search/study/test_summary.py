"""What is said of a study with more trials than it wants now, and of one without a best trial."""

from __future__ import annotations

import pytest

from studyhall import StudySpec, UsageError, champion
from studyhall.search.cli.study_view import show_best
from studyhall.search.runner.finals import train_finalists
from studyhall.search.study.observer import Observer
from tests.search.moons import SPEC, Moons


@pytest.fixture
def moons(tmp_path, monkeypatch) -> Moons:
    monkeypatch.chdir(tmp_path)
    return Moons(tmp_path)


def test_a_study_keeps_its_trials_when_its_file_wants_fewer(moons):
    before = moons.launch(study={"trials": 4})
    after = moons.launch(study={"trials": 2})
    assert (after.finished, after.wanted, after.best) == (4, 4, before.best)
    (run,) = moons.runs("study")
    assert run.data.metrics["trials_complete"] == 4


class Notes(Observer):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_fewer_finalists_than_wanted_are_counted(moons):
    rates = {"learning_rate": {"type": "categorical", "choices": [0.1, 0.2]}}
    study = {**SPEC["study"], "trials": 2, "sampler": "grid"}
    table = {**SPEC, "study": study, "network": {"hidden": [4]}, "search_space": rates}
    moons.run(StudySpec.model_validate(table))
    observer = Notes()
    summary = train_finalists("moons", 3, 1, moons.options(), observer)
    assert len(summary.finals.finalists) == 2
    assert summary.finals_progress.to_go_on is None
    assert "only 2 configurations completed, fewer than the 3 wanted" in observer.notes


def test_a_study_of_which_every_trial_diverged_is_not_to_be_launched_as_it_is(moons, capsys):
    rates = {"learning_rate": {"type": "float", "low": 1e30, "high": 1e31}}
    study = {**SPEC["study"], "trials": 2}
    table = {**SPEC, "study": study, "network": {"hidden": [4]}, "search_space": rates}
    moons.run(StudySpec.model_validate(table))
    said = "moons: none of its trials completed"
    advice = "change the study file, such as its learning rates, and launch it with --fresh"
    for ask in (
        lambda: show_best(moons.summary(), as_json=False),
        lambda: champion("moons", moons.tracking_uri),
        lambda: train_finalists("moons", 1, 1, moons.options()),
    ):
        with pytest.raises(UsageError) as caught:
            ask()
        assert str(caught.value).startswith(said)
        assert str(caught.value).endswith(advice)
