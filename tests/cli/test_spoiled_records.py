"""Records that were changed, damaged or never whole: found, and named before all else."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities import Run

from tests.cli.record import runs_by_trial
from tests.cli.spoiling import WEIGHTS, Recorded, change_point, tag, untag
from tests.cli.test_bad_input import complaints


def write_point_again(recorded: Recorded, run: Run) -> None:
    recorded.client.log_metric(run.info.run_id, "gradient_norm", 0.5, step=30)


def remove_points(recorded: Recorded, run: Run) -> None:
    change = "delete from metrics where run_uuid = ? and key = 'update_ratio' and step > 30"
    recorded.sql(change, run.info.run_id)


def change_loss(recorded: Recorded, run: Run) -> None:
    head, first, second, third, *rest = recorded.losses(run)
    recorded.write_losses(run, [head, first, second, f"{third}1", *rest])  # one more digit


def shorten_losses(recorded: Recorded, run: Run) -> None:
    recorded.write_losses(run, recorded.losses(run)[:61])  # two epochs


def change_weights(recorded: Recorded, run: Run) -> None:
    path = recorded.artifact(run, WEIGHTS)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def end_as_killed(recorded: Recorded, run: Run) -> None:
    recorded.client.set_terminated(run.info.run_id, "KILLED")


@pytest.mark.parametrize(
    ("state", "spoil", "what", "iteration"),
    [
        ("complete", change_point, "validation_accuracy", 60),
        ("complete", write_point_again, "gradient_norm", 30),
        ("pruned", remove_points, "update_ratio", 60),
        ("failed", change_loss, "training_loss.csv", 3),
        ("complete", shorten_losses, "training_loss.csv", 61),
        ("pruned", shorten_losses, "training_loss.csv", 61),
        ("complete", change_weights, WEIGHTS, None),
        ("complete", tag("studyhall.weights_sha256", "0" * 64), "studyhall.weights_sha256", None),
        ("complete", untag("studyhall.weights_sha256"), "studyhall.weights_sha256", None),
        ("pruned", tag("studyhall.reason", "median pruned it"), "studyhall.reason", None),
        ("failed", tag("studyhall.reason", "it failed"), "studyhall.reason", None),
        ("failed", tag("studyhall.state", "pruned"), "studyhall.state", None),
        ("complete", end_as_killed, "the run's status", None),
        ("complete", tag("studyhall.seed", "2"), "training_loss.csv", 1),
        ("complete", tag("studyhall.trial", "77"), "training_loss.csv", 1),
    ],
)
def test_what_was_changed_in_a_record_is_named_first(recorded, state, spoil, what, iteration):
    run = recorded.trial(state)
    spoil(recorded, run)
    replay = recorded.replay(run)
    assert not replay.identical
    first = replay.differences[0]
    assert (first.what, first.iteration) == (what, iteration)
    assert first.recorded != first.trained


@pytest.mark.parametrize(
    ("with_study_file", "old", "new", "changed"),
    [
        (True, '"batch_size": 100', '"batch_size": 50', "training.batch_size is 50, and was 100"),
        (True, '"epochs": 4', '"epochs": 5', "training.epochs is 5, and was 4"),
        (True, '[\n      30', '[\n      31', "network.hidden is (31,), and was (30,)"),
        (False, '"l2": 0.01', '"l2": 0.02', "training.l2 is 0.02, and was 0.01"),
    ],
)  # fmt: skip
def test_changed_settings_are_named(recorded, with_study_file, old, new, changed):
    run = recorded.client.get_run(runs_by_trial(recorded.workspace, "small")[0])
    if not with_study_file:
        recorded.forget_study_file(run)
    path = recorded.artifact(run, "settings.json")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert recorded.complaint(run) == (
        f"its settings.json was changed: {changed} by its study and parameters"
    )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("what", "damage"),
    [
        ("settings.json", Path.unlink),
        ("settings.json", cut),
        ("training_loss.csv", Path.unlink),
        ("training_loss.csv", lambda path: path.write_text("")),
        ("training_loss.csv", lambda path: path.write_text("a,b\n1,2\n")),
        ("training_loss.csv", lambda path: path.write_text("iteration,training_loss\n1,x\n")),
        (WEIGHTS, Path.unlink),
    ],
)
def test_an_artifact_that_is_gone_or_damaged_is_named(recorded, what, damage):
    run = recorded.trial("complete")
    damage(recorded.artifact(run, what))
    assert recorded.complaint(run).startswith(
        f"its {what} is missing or damaged, so that it cannot be replayed ("
    )


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("seed", "x", "must be a whole number, got 'x'"),
        ("state", "done", "must be complete or pruned or failed, got 'done'"),
        ("metric", "a", "must be validation_accuracy or validation_loss, got 'a'"),
    ],
)
def test_a_tag_that_makes_no_sense_is_named(recorded, name, value, rule):
    run = recorded.trial("complete")
    tag(f"studyhall.{name}", value)(recorded, run)
    assert recorded.complaint(run) == f"its tag studyhall.{name} {rule}"


def test_everything_that_is_no_finished_trial_is_named_at_once(recorded):
    client, trial = recorded.client, recorded.trial("complete")
    study = trial.data.tags["mlflow.parentRunId"]
    foreign = client.create_run(trial.info.experiment_id).info.run_id
    evaluation = recorded.workspace.json("evaluate", "small")["run_id"]
    running = recorded.trial("pruned").info.run_id
    deleted = recorded.trial("failed").info.run_id
    client.update_run(running, status="RUNNING")
    client.delete_run(deleted)
    number = client.get_run(running).data.tags["studyhall.trial"]
    beside = "the runs of its trials are beside or below it"
    runs = [study, foreign, evaluation, running, deleted, trial.info.run_id, "a1"]
    assert complaints(recorded.workspace, "replay", *runs) == [
        f"run {study}: must be the run of a trial, got that of a study; {beside}",
        f"run {foreign}: not a run of Studyhall; pass the run of a trial",
        f"run {evaluation}: must be the run of a trial, got that of an evaluation; {beside}",
        f"run {running}: trial {number} has not ended; wait for it, or launch its study again",
        f"run {deleted}: it was deleted; restore it with `mlflow runs restore --run-id {deleted}`",
        "run a1: not found in this folder; pass the address of its MLflow with --tracking-uri",
    ]


def test_other_data_are_named_before_anything_is_trained(recorded):
    run = recorded.trial("complete")
    tag("studyhall.data_fingerprint", "0" * 64)(recorded, run)
    (sentence,) = complaints(recorded.workspace, "replay", run.info.run_id)
    assert sentence.startswith("cifar10: the data differ from those that the model was selected on")


def test_a_trial_that_failed_before_it_trained_has_nothing_to_compare(recorded):
    run = recorded.trial("failed")
    recorded.write_losses(run, recorded.losses(run)[:1])
    tag("studyhall.reason", "its worker died 3 times")(recorded, run)
    assert recorded.complaint(run) == (
        "the trial trained nothing that can be compared: its worker died 3 times"
    )
