"""The report of a real study whose champion changed after its evaluation, and of finalists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from studyhall import judge, launch
from studyhall.search.reports.recorded_facts import Recorded, read_recorded
from studyhall.search.reports.report import write_report
from studyhall.search.runner.finals import train_finalists
from tests.search.moons import Moons

NOTE = "mlflow.note.content"


@pytest.fixture(scope="module")
def moons(tmp_path_factory: pytest.TempPathFactory) -> Moons:
    """A study that was evaluated before its finalists were trained."""
    moons = Moons(tmp_path_factory.mktemp("overtaken"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        moons.launch(study={"trials": 2})
        judge("moons", moons.tracking_uri)
        train_finalists("moons", 1, 2, moons.options())
    return moons


def read(moons: Moons, name: str = "moons") -> Recorded:
    return read_recorded(name, moons.storage, moons.tracking_uri)


def report(moons: Moons, name: str) -> None:
    output = moons.folder / f"{name}.html"
    write_report(name, output, storage=moons.storage, tracking_uri=moons.tracking_uri)


def note(moons: Moons) -> str:
    return str(moons.client.get_experiment_by_name("moons").tags[NOTE])


def test_the_champion_is_distinguished_from_the_evaluated_one(moons: Moons) -> None:
    facts = read(moons).facts
    assert facts.tracked is not None
    assert facts.tracked.outdated == (
        "version 1, no longer the champion; the champion (version 2) has not been evaluated"
    )
    assert facts.tracked.champion is not None
    assert facts.tracked.champion.run_id == moons.champion.run_id
    judge("moons", moons.tracking_uri)
    for version in ("1", "2"):  # the champion's evaluation is shown
        moons.client.set_registered_model_alias("moons", "champion", version)
        tracked = read(moons).facts.tracked
        assert tracked is not None
        assert tracked.evaluation is not None
        assert (tracked.evaluation.version, tracked.outdated) == (version, None)


def test_the_finalists_trainings_are_counted(moons: Moons) -> None:
    found = read(moons).facts
    assert found.finalists is not None
    asked = found.finalists.configurations, found.finalists.seeds
    assert (*asked, len(found.finalists.trainings)) == (1, 2, 2)
    alone = replace(found, finalists=None)
    spent = sum(one.seconds for one in found.finalists.trainings)
    assert found.core_seconds() == {**alone.core_seconds(), "finalists": pytest.approx(spent)}


def test_a_report_of_finalists_describes_them_and_not_the_experiment(moons: Moons) -> None:
    before = note(moons)
    report(moons, "moons.finalists")
    assert note(moons) == before
    place = read(moons, "moons.finalists").place
    assert place is not None
    told = moons.client.get_run(place[1].run_id).data.tags[NOTE]
    assert told.startswith("Finalists of study **moons**: its best configurations trained again")
    assert "[Report](" in told
    written = (moons.folder / "moons.finalists.html").read_text()
    assert "The best trials of the study moons were retrained with fresh seeds" in written
    assert "studyhall finalists" not in written  # finalists have none of their own
    report(moons, "moons")
    assert "[Report](" in note(moons)


def test_a_report_of_what_was_set_aside_does_not_describe_the_experiment(
    moons: Moons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(moons.folder)
    launch(moons.spec(trials=1), moons.options(fresh=True))
    before = note(moons)
    report(moons, "moons.1")
    assert note(moons) == before
    facts = read(moons, "moons.1").facts
    assert facts.tracked is not None
    assert facts.tracked.champion is not None  # its own: it keeps its model
    assert facts.finalists is not None
