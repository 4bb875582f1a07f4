"""Data of one's own from the study file alone: from a folder or arrays to a judged champion."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studyhall import Options, StudySummary, UsageError, judge, launch, load_study, replay_runs
from studyhall.search.cli.check_commands import fetch
from studyhall.search.data.verification import verify
from studyhall.search.evaluation.predictions import classify
from studyhall.search.reports.report import write_report
from studyhall.search.sync.doctor import examine
from tests.cli.record import child_runs, client_of, runs_by_trial
from tests.cli.workspace import Workspace
from tests.search.reports.parsed_page import parsed

STUDY = """\
[study]
name = "fruit"
trials = 2
sampler = "random"

[data]
name = "fruit"
path = "{path}"
{others}
[network]
hidden = [6]

[training]
epochs = 3
batch_size = 8

[search_space]
learning_rate = {{ type = "float", low = 1e-2, high = 1e-1, log = true }}
"""
# Grey, and light at the border, which of MNIST's kind of pictures would be turned round.
SHADES = {"lemon": 200, "plum": 70}


def _pictures(place: Path) -> None:
    generator = np.random.default_rng(0)
    for name, shade in SHADES.items():
        (place / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(shade + generator.normal(0, 20, (9, 12)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(place / name / f"{number:02}.png")


@pytest.fixture(scope="module")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder with pictures of fruit and a study of them that was run; not to be changed."""
    folder = tmp_path_factory.mktemp("fruit")
    workspace = Workspace(folder, {"STUDYHALL_CACHE": str(folder / "cache")})
    _pictures(folder / "pictures")
    workspace.write(STUDY.format(path="pictures", others="image_size = 8\n"), "fruit.toml")
    workspace.run("launch", "fruit.toml", "--jobs", 1)
    return workspace


@pytest.fixture
def copied(fruit: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The same, to be changed, where this process works; the first pictures stay where they are."""
    folder = Path(shutil.copytree(fruit.folder, tmp_path / "copied"))
    monkeypatch.setenv("STUDYHALL_CACHE", str(folder / "cache"))
    monkeypatch.delenv("STUDYHALL_DATA", raising=False)
    monkeypatch.chdir(folder)
    return Workspace(folder, {"STUDYHALL_CACHE": str(folder / "cache")})


def relaunch(workspace: Workspace, trials: int, **options: Any) -> StudySummary:
    """Launch in this process: a command of its own imports MLflow for seconds each time."""
    spec = load_study(workspace.folder / "fruit.toml", [f"study.trials={trials}"])
    return launch(spec, Options(jobs=1, tracking_uri=workspace.tracking_uri, **options))


def run_of(workspace: Workspace) -> str:
    return runs_by_trial(workspace, "fruit")[0]


def test_the_champion_is_judged_replayed_used_and_served(copied: Workspace) -> None:
    verdict = judge("fruit", copied.tracking_uri)
    assert verdict.evaluation.matrix.tolist() == [[2, 0], [0, 2]]
    assert verdict.evaluation.classes == ("lemon", "plum")
    (replay,) = replay_runs([run_of(copied)], copied.tracking_uri)
    assert replay.identical
    pictures = [copied.folder / "pictures" / name / "05.png" for name in SHADES]
    told = classify("fruit", pictures, copied.tracking_uri)
    assert [prediction.label for prediction in told] == list(SHADES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of type hints of its own
        from mlflow import pyfunc

        run_id = verdict.champion.run.info.run_id
        served = pyfunc.load_model(client_of(copied).download_artifacts(run_id, "model"))
    pixels = np.full((1, 8, 8, 1), SHADES["plum"], np.uint8)
    assert served.predict(pixels)["label"].tolist() == [1]


def test_mlflow_is_told_of_the_data_without_their_place(fruit: Workspace) -> None:
    (study,) = child_runs(fruit, "fruit", kind="study")
    client = client_of(fruit)
    (given,) = client.get_run(study.info.run_id).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.source_type) == ("fruit", "local")
    assert json.loads(given.dataset.source) == {"uri": "pictures"}
    profile = json.loads(given.dataset.profile)
    assert (profile["train"], profile["validation"]) == (16, 4)
    files = {file.path for file in client.list_artifacts(study.info.run_id)}
    assert {"samples.png", "study.toml"} <= files
    assert "first_layer.png" in {file.path for file in client.list_artifacts(run_of(fruit))}


def test_the_report_shows_first_layers_as_long_as_the_size_of_the_pictures_is_known(
    copied: Workspace,
) -> None:
    shutil.rmtree(copied.folder / "pictures")
    write_report("fruit", tracking_uri=copied.tracking_uri)
    found = parsed((copied.folder / "fruit-report.html").read_bytes())
    assert len([i for i in found.all("img") if str(i["src"]).startswith("data:image/jpeg")]) == 2
    shutil.rmtree(copied.folder / "cache")
    write_report("fruit", tracking_uri=copied.tracking_uri)
    found = parsed((copied.folder / "fruit-report.html").read_bytes())
    assert "the data set is not in the cache of this machine; `studyhall data fetch`" in found.text


def test_a_moved_folder_is_no_change_of_the_study(copied: Workspace) -> None:
    (copied.folder / "pictures").rename(copied.folder / "elsewhere")
    copied.write(STUDY.format(path="elsewhere", others="image_size = 8\n"), "fruit.toml")
    assert relaunch(copied, 3).complete == 3
    runs = list(runs_by_trial(copied, "fruit").values())
    assert [replay.identical for replay in replay_runs(runs, copied.tracking_uri)] == [True] * 3
    assert examine("fruit", Options(tracking_uri=copied.tracking_uri)).healthy


def test_changed_data_are_refused_wherever_a_record_depends_on_them(copied: Workspace) -> None:
    place, uri = copied.folder / "pictures", copied.tracking_uri
    before = Path(shutil.copytree(place, copied.folder / "before"))
    Image.new("L", (12, 9), 3).save(place / "plum" / "03.png")
    with pytest.raises(UsageError, match=r"^fruit: the study changed .*\(data fingerprint was '"):
        relaunch(copied, 3)
    differ = "^fruit: the data differ from those that the model was selected on"
    with pytest.raises(UsageError, match=differ):
        judge("fruit", uri, place)
    with pytest.raises(UsageError, match=differ):
        replay_runs([run_of(copied)], uri, place)
    (problem,) = verify(load_study(copied.folder / "fruit.toml").data_settings).problems
    assert f"{place}/plum/03.png: " in problem
    fetch("fruit.toml")
    assert verify(load_study(copied.folder / "fruit.toml").data_settings).intact
    assert judge("fruit", uri, before).evaluation.correct == 4
    (replay,) = replay_runs([run_of(copied)], uri, before)
    assert replay.identical


def test_the_doctor_needs_the_data_of_the_record(copied: Workspace) -> None:
    options = Options(tracking_uri=copied.tracking_uri)
    Image.new("L", (12, 9), 3).save(copied.folder / "pictures" / "plum" / "03.png")
    assert examine("fruit", options).healthy  # they are in the cache still
    shutil.rmtree(copied.folder / "cache")
    with pytest.raises(UsageError, match=r"^fruit: the data differ from those that the model "):
        examine("fruit", Options(tracking_uri=copied.tracking_uri, data_dir=Path("pictures")))


def test_changed_data_are_taken_with_fresh_though_fewer_than_there_were(copied: Workspace) -> None:
    relaunch(copied, 2)  # from here on the study's data are those of this folder
    for number in range(3, 12):
        (copied.folder / "pictures" / "plum" / f"{number:02}.png").unlink()
    assert relaunch(copied, 1, fresh=True).complete == 1
    assert examine("fruit", Options(tracking_uri=copied.tracking_uri)).healthy


def test_every_mistake_in_the_data_is_named_before_anything_starts(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, {"STUDYHALL_CACHE": str(tmp_path / "cache")})
    _pictures(tmp_path / "pictures")
    (tmp_path / "pictures" / "lemon" / "00.png").write_text("no picture")
    Image.new("RGB", (5, 5)).save(tmp_path / "pictures" / "plum" / "07.png")
    workspace.write(STUDY.format(path="pictures", others=""), "fruit.toml")
    stdout, told = workspace.run("launch", "fruit.toml", code=2)
    assert stdout == ""
    assert [line.partition(".png: ")[0].rpartition("/")[2] for line in told.splitlines()] == [
        "00",
        "07",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fruit.toml", "pictures"]


def test_points_from_arrays_are_fetched_verified_and_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDYHALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path, {"STUDYHALL_CACHE": str(tmp_path / "cache")})
    generator = np.random.default_rng(0)
    labels, names = np.arange(60) % 2, np.array(["C++ & [co]", "low"])
    points = generator.normal(size=(60, 5)) + 4 * labels[:, None]
    np.savez(tmp_path / "points.npz", images=points, labels=names[labels])
    workspace.write(STUDY.format(path="points.npz", others=""), "fruit.toml")
    workspace.run("data", "fetch", "fruit.toml")
    found = workspace.json("data", "verify", "fruit.toml")
    assert (found["problems"], found["duplicate_examples"]) == ([], [])
    assert relaunch(workspace, 1).complete == 1
    verdict = judge("fruit", workspace.tracking_uri)
    metrics = client_of(workspace).get_run(verdict.run_id).data.metrics
    assert (metrics["test_accuracy_of_C__ _ _co_"], metrics["test_accuracy_of_low"]) == (1, 1)
    assert metrics["test_accuracy_low"] == verdict.evaluation.interval[0] < 1
    assert verdict.evaluation.examples == 12
    points[7] += 1
    np.savez(tmp_path / "points.npz", images=points, labels=names[labels])
    stdout, told = workspace.run("data", "verify", "fruit.toml", code=1)
    assert "every byte" not in stdout
    assert "(low, images[7]), has another image than was decoded" in told
