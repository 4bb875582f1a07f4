"""Recorded trials trained again: identical, or what differs first, and where."""

from __future__ import annotations

import pytest
import threadpoolctl
from mlflow.tracking import MlflowClient

from studyhall.search.evaluation.recorded_trial import METRICS
from studyhall.search.training import trial as training
from tests.cli.record import child_runs
from tests.cli.spoiling import Recorded, change_point, tag, untag
from tests.cli.test_server import Server
from tests.cli.workspace import Workspace


def test_trials_of_two_workers_replay_identical(finished):
    runs = child_runs(finished, "small")
    stdout, _ = finished.run("replay", *(run.info.run_id for run in runs))
    *lines, summary = [line for line in stdout.splitlines() if not line.startswith("environment")]
    assert summary == "8 of 8 identical"
    for run, line in zip(runs, lines, strict=True):
        name = f"trial {run.data.tags['studyhall.trial']} of small (run {run.info.run_id})"
        assert line.startswith(f"{name}: identical: ")
        assert line.endswith(" iterations, every metric, the weights")


@pytest.mark.parametrize(
    ("state", "address"),
    [
        ("complete", "{}"),
        ("pruned", "runs:/{}"),
        ("failed", "http://127.0.0.1:9/#/experiments/1/runs/{}/artifacts"),
    ],
)
def test_however_a_trial_ended_its_run_alone_is_enough(mixed, tmp_path, state, address):
    run = Recorded(mixed).trial(state)
    arguments = address.format(run.info.run_id), "--tracking-uri", mixed.tracking_uri
    found = Workspace(tmp_path).json("replay", *arguments)
    assert (found["runs"], found["identical"]) == (1, 1)
    (replay,) = found["replays"]
    assert replay["identical"]
    assert replay["first_difference"] is None
    assert replay["iterations"] == len(Recorded(mixed).losses(run)) - 1
    assert not list(tmp_path.iterdir())


def test_every_metric_but_the_seconds_is_compared(mixed):
    assert set(Recorded(mixed).trial("complete").data.metrics) - {"seconds"} == set(METRICS)


@pytest.mark.long
def test_the_address_of_a_server_is_enough(workspace, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    try:
        tracked = Workspace(workspace.folder, {"MLFLOW_TRACKING_URI": server.address})
        tracked.write()
        tracked.run("launch", "small.toml", "--jobs", 1, "--trials", 1)
        (run,) = child_runs(tracked, "small", client=MlflowClient(server.address))
        elsewhere = Workspace(tmp_path_factory.mktemp("elsewhere"))
        address = f"{server.address}/#/experiments/1/runs/{run.info.run_id}"
        assert elsewhere.json("replay", address)["identical"] == 1
    finally:
        server.kill()


def test_the_first_difference_is_shown_with_both_values_in_full(recorded):
    run, whole = recorded.trial("complete"), recorded.trial("pruned")
    history = recorded.client.get_metric_history(run.info.run_id, "validation_accuracy")
    (value,) = (point.value for point in history if point.step == 60)
    change_point(recorded, run)
    stdout, _ = recorded.workspace.run("replay", run.info.run_id, whole.info.run_id, code=1)
    spoiled, _, summary = stdout.splitlines()[:3]
    assert spoiled.endswith(
        f": differs first in validation_accuracy at iteration 60 (epoch 2): recorded "
        f"{value + 1e-9!r}, trained {value!r}"
    )
    assert summary == "1 of 2 identical"


def test_where_the_environments_differ_is_shown_with_the_verdict(recorded):
    run, other = recorded.trial("complete"), recorded.trial("pruned")
    tag("studyhall.library.numpy", "1.0")(recorded, run)
    tag("studyhall.machine.gpu", "one")(recorded, run)
    stdout, _ = recorded.workspace.run("replay", run.info.run_id, other.info.run_id)
    lines = stdout.splitlines()
    numpy = other.data.tags["studyhall.library.numpy"]
    assert lines[2] == "2 of 2 identical"
    assert f"environment: library.numpy was 1.0, here {numpy} (1 of 2 runs)" in lines
    assert "environment: machine.gpu was one, here not known (1 of 2 runs)" in lines


def test_a_run_of_before_the_metric_was_a_tag_goes_by_its_study_file(recorded):
    run = recorded.trial("pruned")
    for name in ("studyhall.metric", "studyhall.blas_threads"):
        untag(name)(recorded, run)
    assert recorded.replay(run).identical
    recorded.forget_study_file(run)
    assert recorded.complaint(run) == (
        "has no tag studyhall.metric, without which it cannot be trained again"
    )


def test_as_many_threads_multiply_matrices_as_then(recorded, monkeypatch):
    """The last bits of large products depend on them; these are too small to show it."""
    run = recorded.trial("complete")
    assert run.data.tags["studyhall.blas_threads"] == "1"
    tag("studyhall.blas_threads", "2")(recorded, run)
    threads = set()

    def observed(*arguments: object):
        pools = threadpoolctl.threadpool_info()
        threads.update(pool["num_threads"] for pool in pools if pool["user_api"] == "blas")
        return training.run_trial(*arguments)

    monkeypatch.setattr("studyhall.search.evaluation.replay.run_trial", observed)
    recorded.replay(run)
    assert threads == {2}
