"""A trial that was interrupted ends as if it never had been, to the bit."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studyhall.search.common.atomic_files
from studyhall.model import OPTIMIZER_SETTINGS, EpochRecord, weights_sha256
from studyhall.search.training.building import TrainingData, TrialSeed
from studyhall.search.training.saved_training import (
    SECONDS,
    TIMES,
    TrainingSaver,
    identify,
    read,
    write,
)
from studyhall.search.training.trial import TrialRecord, run_trial
from tests.search.training.shades import settings, shades
from tests.waiting import wait_for

EPOCHS = 6
SEED, METRIC = TrialSeed(0, 3), "validation_loss"


class KilledError(Exception):
    """Ends a trial where no training would."""


class Clock:
    """Stands still unless it is told to go on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Interruptions:
    """Runs trials that are saved after every epoch."""

    def __init__(self, data: TrainingData, path: Path) -> None:
        self.data, self.path, self.clock = data, path, Clock()
        self.told: list[EpochRecord] = []

    def run(self, wanted, killed_after=None, pruned_after=None) -> TrialRecord:
        """Run a trial to its end, or to where it is killed before its next saving."""
        self.told = []

        def on_epoch(epoch):
            self.told.append(epoch)
            self.clock.now += SECONDS
            if killed_after is not None and epoch.epoch > killed_after:
                raise KilledError
            return "too slow" if epoch.epoch == pruned_after else None

        saver = TrainingSaver(self.path, identify(wanted, SEED, METRIC, "data"), self.clock)
        return run_trial(wanted, self.data, SEED, METRIC, on_epoch, saver)

    def kill(self, wanted, epochs: int) -> None:
        """Leave the saved state of a trial of which so many epochs are done."""
        with pytest.raises(KilledError):
            self.run(wanted, killed_after=epochs)
        assert self.path.exists()

    def resume(self, wanted, pruned_after=None) -> TrialRecord:
        """Run to its end a trial that was killed, and see that it did not begin anew."""
        saved = self.told[:-1]
        record = self.run(wanted, pruned_after=pruned_after)
        restored = record.epochs[: len(saved)]
        # No epoch takes the same time twice, to the nanosecond.
        assert [e.seconds for e in restored] == [e.seconds for e in saved] != []
        assert [e.epoch for e in self.told] == [e.epoch for e in record.epochs]
        return record


@pytest.fixture(scope="module")
def data() -> TrainingData:
    # With labels that mean nothing, what helps validation at one look harms it at the next.
    data = shades()
    labels = np.random.default_rng(1).permutation(data.dataset.train_labels)
    return replace(data, dataset=replace(data.dataset, train_labels=labels))


@pytest.fixture
def interruptions(data, tmp_path) -> Interruptions:
    return Interruptions(data, tmp_path / "outbox" / "trial-0003.state")


def undisturbed(data, wanted, pruned_after=None) -> TrialRecord:
    def on_epoch(epoch):
        return "too slow" if epoch.epoch == pruned_after else None

    return run_trial(wanted, data, SEED, METRIC, on_epoch)


def assert_same(record: TrialRecord, expected: TrialRecord) -> None:
    """Equal to the bit, and to the type, in everything but times."""
    for name in ("number", "settings", "state", "reason", "value"):
        assert getattr(record, name) == getattr(expected, name), name
    assert record.losses.dtype == expected.losses.dtype
    assert record.losses.tobytes() == expected.losses.tobytes()
    assert len(record.epochs) == len(expected.epochs)
    for epoch, other in zip(record.epochs, expected.epochs, strict=True):
        for field in fields(epoch):
            mine, theirs = getattr(epoch, field.name), getattr(other, field.name)
            assert type(mine) is type(theirs), field.name
            if field.name != "seconds":
                assert np.array_equal(mine, theirs), field.name
    assert (record.classifier is None) == (expected.classifier is None)
    if record.classifier is not None:
        assert weights_sha256(record.classifier) == weights_sha256(expected.classifier)


SCHEDULES = {
    "exponential": {"learning_rate_decay": 0.9, "warmup_iterations": 12},
    "step": {"learning_rate_decay": 0.5, "step_epochs": 2},
    "cosine": {"warmup_iterations": 3},
}


OPTIONS = (("shuffle", "with_replacement"), (0.0, 0.4), ("last", "best"))


def pairs() -> Iterator[tuple[Any, ...]]:
    """Two opposite cases for each optimizer, in which any two values of options meet once."""
    for index, optimizer in enumerate(OPTIMIZER_SETTINGS):
        first = [index >> bit & 1 for bit in range(len(OPTIONS))]
        for choice in (first, [1 - one for one in first]):
            yield optimizer, *(values[one] for values, one in zip(OPTIONS, choice, strict=True))


def test_any_two_values_of_options_meet():
    values = (tuple(OPTIMIZER_SETTINGS), *OPTIONS)
    for one, other in combinations(range(len(values)), 2):
        met = {(case[one], case[other]) for case in pairs()}
        assert met == set(product(values[one], values[other]))


@pytest.mark.parametrize(("optimizer", "sampling", "dropout", "keep"), list(pairs()))
def test_a_trial_goes_on_from_any_epoch(interruptions, data, optimizer, sampling, dropout, keep):
    decay = {} if optimizer == "adam" else {"weight_decay": 0.01}
    wanted = settings(
        {"hidden": [5, 4], "dropout": dropout},
        **{"optimizer": optimizer, "sampling": sampling, "keep": keep, "learning_rate": 0.02},
        **{"l2": 1e-3, "mirror": True, "repeat": 1, **decay},
    )
    expected = undisturbed(data, wanted)
    for epochs in range(1, EPOCHS):
        interruptions.path.unlink(missing_ok=True)
        interruptions.kill(wanted, epochs)
        assert_same(interruptions.resume(wanted), expected)


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_learning_rate_goes_on_where_it_stood(interruptions, data, schedule, keep):
    wanted = settings(schedule=schedule, keep=keep, **SCHEDULES[schedule])
    interruptions.kill(wanted, 3)
    record = interruptions.resume(wanted)
    assert_same(record, undisturbed(data, wanted))
    assert len({epoch.learning_rate for epoch in record.epochs}) > 1


@pytest.mark.parametrize(
    "training",
    [
        {"epochs": None, "iterations": 28},  # the last epoch is cut short
        {"epochs": 7, "evaluate_every": 2},  # and the last record's stretch
        {"epochs": None, "iterations": 18, "evaluate_every": 3, "keep": "best"},
    ],
)
def test_a_trial_goes_on_between_two_looks_at_the_validation_examples(
    interruptions, data, training
):
    wanted = settings(**training)
    interruptions.kill(wanted, 1 if "evaluate_every" not in training else 3)
    assert_same(interruptions.resume(wanted), undisturbed(data, wanted))


def test_a_trial_without_rectified_units_goes_on(interruptions, data):
    wanted = settings({"activation": "tanh"})
    interruptions.kill(wanted, 2)
    record = interruptions.resume(wanted)
    assert_same(record, undisturbed(data, wanted))
    assert {epoch.dead_relu_share for epoch in record.epochs} == {None}


def test_a_trial_killed_at_every_epoch_still_ends_the_same(interruptions, data):
    wanted = settings({"dropout": 0.3}, keep="best", optimizer="adam")
    for epochs in range(1, EPOCHS):
        interruptions.kill(wanted, epochs)
    assert_same(interruptions.resume(wanted), undisturbed(data, wanted))


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("pruned_after", [3, 4])
def test_a_trial_is_pruned_after_its_resumption(interruptions, data, keep, pruned_after):
    wanted = settings(keep=keep)
    interruptions.kill(wanted, 2)
    record = interruptions.resume(wanted, pruned_after=pruned_after)
    assert (record.state, len(record.epochs)) == ("pruned", pruned_after)
    assert_same(record, undisturbed(data, wanted, pruned_after))


def test_a_trial_that_diverges_after_its_resumption_keeps_every_loss(interruptions, data):
    # A rate this high doubles the weights with each step until they are no longer numbers.
    wanted = settings(learning_rate=4.0, l2=1.0, batch_size=40, epochs=400)
    expected = undisturbed(data, wanted)
    assert expected.state == "failed"
    interruptions.kill(wanted, len(expected.epochs) - 2)
    record = interruptions.resume(wanted)
    assert_same(record, expected)
    assert len(record.losses) > len(record.epochs) > 10


def test_the_time_of_both_parts_counts_and_not_that_between(interruptions):
    wanted = settings()
    interruptions.kill(wanted, 3)
    identity = identify(wanted, SEED, METRIC, "data")
    saved = read(interruptions.path, identity)
    write(interruptions.path, identity, replace(saved, started=1e9, seconds=5000.0))
    begun = time.perf_counter()
    record = interruptions.resume(wanted)
    assert record.started == 1e9
    assert 5000 < record.seconds < 5000 + time.perf_counter() - begun
    assert abs(record.ended - time.time()) < 60  # not five thousand seconds after the start


@pytest.mark.parametrize("iterations", [28, 30])
def test_a_trial_whose_record_was_lost_does_its_last_epoch_again(interruptions, data, iterations):
    wanted = settings(epochs=None, iterations=iterations)
    assert_same(interruptions.run(wanted), undisturbed(data, wanted))
    assert_same(interruptions.resume(wanted), undisturbed(data, wanted))


def test_a_trial_that_ended_leaves_nothing_behind(interruptions):
    interruptions.kill(settings(), 3)
    partial = interruptions.path.with_name(".trial-0003.state~of a process killed while it wrote")
    partial.write_bytes(b"half")
    saver = TrainingSaver(interruptions.path, identify(settings(), SEED, METRIC, "data"))
    saver.discard()
    assert list(interruptions.path.parent.iterdir()) == []
    saver.discard()


def test_between_two_savings_there_is_a_second_and_fifty_times_what_one_costs(tmp_path, data):
    clock = Clock()
    saver = TrainingSaver(tmp_path / "state", identify(settings(), SEED, METRIC, "data"), clock)
    saved_at = []

    def capture():
        saved_at.append(clock.now)
        clock.now += 0.25
        raise OSError("no matter what")

    while clock.now < 30:
        saver.offer(capture)
        clock.now += 0.125
    first, between = SECONDS, 0.25 + TIMES * 0.25
    assert saved_at == [first, first + between, first + 2 * between]


def test_a_short_trial_writes_nothing(data, tmp_path):
    folder, clock = tmp_path / "outbox", Clock()
    saver = TrainingSaver(folder / "state", identify(settings(), SEED, METRIC, "data"), clock)
    clock.now = SECONDS - 1e-6
    run_trial(settings(), data, SEED, METRIC, lambda _: None, saver)
    assert not folder.exists()


@pytest.mark.parametrize("obstacle", ["a file for a folder", "a folder in its place", "full"])
def test_a_trial_that_cannot_be_saved_goes_on(interruptions, data, obstacle, monkeypatch):
    path = interruptions.path
    if obstacle == "a file for a folder":
        path.parent.write_text("in the way")
    elif obstacle == "a folder in its place":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        full = path.with_name("full")
        full.symlink_to("/dev/full")
        monkeypatch.setattr(studyhall.search.common.atomic_files, "temporary_name", lambda _: full)
    wanted = settings()
    assert_same(interruptions.run(wanted), undisturbed(data, wanted))


def test_the_next_saving_tries_again(interruptions, data):
    folder, wanted = interruptions.path.parent, settings()
    folder.write_text("in the way")

    class Freed(Clock):
        """The time at which somebody makes room."""

        def __call__(self) -> float:
            if self.now == 3 and folder.is_file():
                folder.unlink()
            return self.now

    interruptions.clock = Freed()
    interruptions.kill(wanted, 4)
    assert_same(interruptions.resume(wanted), undisturbed(data, wanted))


def test_a_process_killed_again_and_again_leaves_the_weights_of_one_that_never_was(tmp_path):
    def start(path):
        command = [sys.executable, "-m", "tests.search.training.slow_trial", str(path)]
        root = Path(__file__).resolve().parents[3]
        return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)

    def saved_at():
        return path.stat().st_mtime_ns if path.exists() else 0

    path, generator = tmp_path / "trial.state", np.random.default_rng(4)
    for _ in range(2):
        before, process = saved_at(), start(path)
        wait_for(lambda before=before: saved_at() != before, pause=0.01)
        time.sleep(generator.uniform(0, 0.3))  # killed anywhere, not after a saving alone
        process.kill()
        process.communicate()
    resumed, anew = (start(at).communicate()[0].split() for at in (path, tmp_path / "other"))
    assert int(resumed[0]) > 0
    assert anew == ["0", resumed[1]]
