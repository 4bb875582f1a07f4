"""What stands in MLflow after a study: every trial whole, in the right state, exactly once."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studyhall import load_study
from tests.cli.record import child_runs, client_of, runs_by_trial


@pytest.fixture(scope="module")
def complete_run(finished):
    return next(r for r in child_runs(finished, "small") if r.info.status == "FINISHED")


def downloaded(workspace, run, path: str, folder: Path) -> Path:
    return Path(client_of(workspace).download_artifacts(run.info.run_id, path, str(folder)))


def test_each_trial_has_one_run_in_the_state_that_it_ended_in(finished):
    runs = child_runs(finished, "small")
    assert sorted(runs_by_trial(finished, "small")) == list(range(8))
    for run in runs:
        state = run.data.tags["studyhall.state"]
        assert run.info.status == {"complete": "FINISHED", "pruned": "KILLED"}[state]
        assert ("studyhall.reason" in run.data.tags) == (state == "pruned")
        assert run.info.run_name == f"trial-{int(run.data.tags['studyhall.trial']):04d}"


def test_trials_nest_below_the_run_of_the_study(finished):
    parents = {run.data.tags["mlflow.parentRunId"] for run in child_runs(finished, "small")}
    (study_run,) = child_runs(finished, "small", kind="study")
    assert parents == {study_run.info.run_id}
    assert study_run.info.status == "FINISHED"
    assert study_run.info.run_name == "small"
    assert study_run.data.metrics["trials_complete"] + study_run.data.metrics["trials_pruned"] == 8
    assert "small" in study_run.data.tags["mlflow.note.content"]


def test_the_study_run_carries_figures_and_a_study_file_that_launches_the_same_study(
    finished, tmp_path
):
    (study_run,) = child_runs(finished, "small", kind="study")
    path = downloaded(finished, study_run, "study.toml", tmp_path)
    assert load_study(path) == load_study(finished.folder / "small.toml")
    figures = client_of(finished).list_artifacts(study_run.info.run_id, "figures")
    assert {Path(file.path).stem for file in figures} == {
        "learning_curves",
        "history",
        "importances",
        "parallel_coordinates",
        "contour",
        "slice",
    }


def test_the_study_run_shows_what_there_is_to_tell_apart(finished, tmp_path):
    (study_run,) = child_runs(finished, "small", kind="study")
    with Image.open(downloaded(finished, study_run, "samples.png", tmp_path)) as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 200  # photographs


def test_each_epoch_tells_of_its_gradients_and_its_dead_units(finished, complete_run):
    client = client_of(finished)
    accuracies = client.get_metric_history(complete_run.info.run_id, "validation_accuracy")
    for key in ("gradient_norm", "update_ratio", "dead_relu_share"):
        history = client.get_metric_history(complete_run.info.run_id, key)
        assert [m.step for m in history] == [m.step for m in accuracies]
        assert all(0 <= m.value < 100 for m in history)
    assert complete_run.data.metrics["value"] == accuracies[-1].value


def test_parameters_are_the_sampled_values(complete_run):
    assert set(complete_run.data.params) == {"hidden_size", "learning_rate", "l2"}


def test_curves_share_one_axis_of_iterations_and_are_thinned(finished, complete_run):
    client = client_of(finished)

    def steps(key: str) -> list[int]:
        return [m.step for m in client.get_metric_history(complete_run.info.run_id, key)]

    for key in (
        "training_accuracy",
        "training_loss_epoch",
        "validation_accuracy",
        "validation_loss",
        "learning_rate",
        "seconds",
    ):
        assert steps(key) == [30, 60, 90, 120], key
    assert 60 <= len(steps("training_loss")) <= 500
    assert max(steps("training_loss")) == 120


def test_every_iteration_is_in_an_artifact(finished, complete_run, tmp_path):
    path = downloaded(finished, complete_run, "training_loss.csv", tmp_path)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == list(range(1, 121))
    history = client_of(finished).get_metric_history(complete_run.info.run_id, "training_loss")
    by_step = {int(row["iteration"]): float(row["training_loss"]) for row in rows}
    assert all(by_step[m.step] == m.value for m in history)


@pytest.mark.parametrize("picture", ["learning_curve.png", "first_layer.png"])
def test_pictures_show_something(finished, complete_run, picture, tmp_path):
    with Image.open(downloaded(finished, complete_run, picture, tmp_path)) as image:
        assert min(image.size) > 100
        assert np.asarray(image.convert("L")).std() > 5


def test_the_weights_are_known_by_their_sha256(finished, complete_run, tmp_path):
    path = downloaded(finished, complete_run, "model/data/weights/model.safetensors", tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert complete_run.data.tags["studyhall.weights_sha256"] == digest


def test_the_resolved_settings_are_an_artifact(finished, complete_run, tmp_path):
    settings = json.loads(downloaded(finished, complete_run, "settings.json", tmp_path).read_text())
    assert settings["training"]["learning_rate"] == float(complete_run.data.params["learning_rate"])
    assert settings["network"]["hidden"] == [int(complete_run.data.params["hidden_size"])]


def test_the_tags_say_what_the_result_depends_on(complete_run):
    tags = {name.removeprefix("studyhall.") for name in complete_run.data.tags}
    assert tags >= {
        "seed",
        "data_fingerprint",
        "code.version",
        "machine.cpu",
        "machine.blas",
        "library.numpy",
        "python",
    }


def test_the_dataset_input_bears_our_fingerprint(complete_run):
    (entry,) = complete_run.inputs.dataset_inputs
    fingerprint = complete_run.data.tags["studyhall.data_fingerprint"]
    assert entry.dataset.name == "cifar10"
    assert entry.dataset.digest == fingerprint[:36]
    profile = json.loads(entry.dataset.profile)
    assert profile == {"train": 3000, "validation": 500, "sha256": fingerprint}


def test_nothing_waits_to_be_sent(finished):
    left = [path.name for path in (finished.folder / ".studyhall").glob("*/*")]
    assert left == ["sending.lock"]
