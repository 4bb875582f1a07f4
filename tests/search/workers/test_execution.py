"""In which order workers begin the trials of a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import fetch
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study
from studyhall.search.study.summary import summarize
from studyhall.search.workers.execution import Job, Workplace
from tests.search.created import record_of

SPEC = StudySpec.model_validate(
    {
        "study": {"name": "s", "trials": 7, "window": 4, "sampler": "random"},
        "data": {"name": "two_moons", "train": 100, "validation": 50},
        "network": {"hidden": ["hidden_size"]},
        "training": {"learning_rate": 0.1, "epochs": 3},
        "search_space": {"hidden_size": {"type": "int", "low": 2, "high": 64}},
        "enqueue": [{"hidden_size": 3}, {"hidden_size": 2}],
    }
)


@pytest.fixture
def job(tmp_path) -> Job:
    folder = fetch(SPEC.data_settings)
    return Job(SPEC, tmp_path / "journal", tmp_path / "outbox", Path(folder), {}, 5, last=4)


@pytest.fixture
def study(job):
    return open_study(open_storage(job.storage), SPEC, "fingerprint")


def run(place: Workplace) -> tuple[int, int]:
    """Claim a trial and end it; return its number and hidden size."""
    claimed = place.claim()
    parameters = place.propose(claimed).parameters
    assert place.study.finish(record_of(claimed, parameters, 0.5))
    return claimed.number, int(parameters["hidden_size"])


def test_the_longest_of_the_last_trials_go_first(job, study):
    place = Workplace(job)
    order = [run(place) for _ in range(7)]
    numbers, widths = [number for number, _ in order], [width for _, width in order]
    assert numbers[:3] == [0, 1, 2]
    assert sorted(numbers) == list(range(7))
    assert numbers[3:] != sorted(numbers[3:])
    assert widths[3:] == sorted(widths[3:], reverse=True)
    proposed = {trial.number: trial.params["hidden_size"] for trial in study.trials()}
    assert proposed == dict(order)


def test_the_points_of_the_file_go_first_though_they_are_short(job, study):
    small = SPEC.model_copy(update={"study": SPEC.study.model_copy(update={"trials": 4})})
    place = Workplace(Job(small, job.storage, job.outbox, job.data_folder, {}, 5, last=4))
    assert [run(place)[0] for _ in range(2)] == [0, 1]


def test_trials_that_are_wanted_or_have_finished_are_counted_and_others_once_begun(job, study):
    first, second = Workplace(job), Workplace(job)
    claimed = [first.claim(), second.claim()]
    assert study.finish(record_of(claimed[1], {"hidden_size": 2}, 0.5))
    assert (summarize(study).finished, summarize(study).unfinished) == (1, 1)
    study.spec = SPEC.model_copy(update={"study": SPEC.study.model_copy(update={"trials": 1})})
    assert (summarize(study).finished, summarize(study).unfinished) == (1, 1)
    assert not study.is_whole()
    assert study.finish(record_of(claimed[0], {"hidden_size": 3}, 0.5))
    assert study.is_whole()
    study.spec = SPEC
    for _ in range(2):
        run(first)
    first.claim()  # the last ones are created, and one of them is begun
    assert len(study.trials()) == 7
    assert summarize(study).unfinished == 1
