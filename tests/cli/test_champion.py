"""The champion: found in the registry, loaded anywhere, judged on the test split, served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studyhall import champion
from studyhall.model import wilson_interval
from tests.cli.record import child_runs, client_of, runs_by_trial
from tests.foreign import require_no_escape, require_own_names
from tests.libraries import libraries
from tests.postgres import free_port
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def verdict(finished):
    return finished.json("evaluate", "small")


@pytest.fixture(scope="module")
def images(cifar10_cache) -> np.ndarray:
    """The first training images: a test has no business with the test split."""
    return np.load(cifar10_cache / "train_images.npy", mmap_mode="r")[:3].copy()


def post(address: str, body: object) -> object:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def serving(command: list[str], health: str, **options: object) -> Iterator[None]:
    """Run a server until its health address answers, and end it with its children."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        wait_for(lambda: _answers(process, health), pause=0.2)
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=60)


def _answers(process: subprocess.Popen[bytes], health: str) -> bool:
    assert process.poll() is None, "the server ended"
    with suppress(OSError):
        urllib.request.urlopen(health, timeout=5).close()
        return True
    return False


def test_the_champion_is_the_best_trials_model(finished):
    version = client_of(finished).get_model_version_by_alias("small", "champion")
    best = finished.json("best", "small")["trial"]
    assert version.run_id == runs_by_trial(finished, "small")[best]


def test_the_verdict_is_consistent(verdict):
    confusion = np.array(verdict["confusion"])
    assert confusion.sum() == verdict["examples"] == 1000
    assert verdict["accuracy"] == confusion.trace() / 1000
    assert verdict["interval"] == pytest.approx(wilson_interval(verdict["correct"], 1000))
    shares = confusion.diagonal() / confusion.sum(axis=1)
    assert list(verdict["accuracy_by_class"].values()) == pytest.approx(shares.tolist())


def test_the_verdict_is_recorded_with_its_files(finished, verdict):
    run = client_of(finished).get_run(verdict["run_id"])
    assert run.data.metrics["test_accuracy"] == verdict["accuracy"]
    assert run.data.metrics["test_accuracy_low"] == verdict["interval"][0]
    assert run.info.status == "FINISHED"
    files = client_of(finished).list_artifacts(verdict["run_id"])
    assert {file.path for file in files} == {
        "confusion_matrix.json",
        "confusion_matrix.png",
        "evaluation.json",
        "mistakes.png",
    }


def test_evaluation_leaves_the_trials_alone(finished, verdict):
    assert len(runs_by_trial(finished, "small")) == 8
    assert any(
        r.info.run_id == verdict["run_id"] for r in child_runs(finished, "small", "evaluation")
    )


def test_predict_names_the_class_of_a_picture(finished, images, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(images[0]).save(path)
    (answer,) = finished.json("predict", "small", path)
    winner = champion("small", finished.tracking_uri).classifier
    assert answer["label"] == winner.classes[winner.predict(images[:1])[0]]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    stdout, _ = finished.run("predict", "small", path)
    assert stdout.startswith(f"{path}: {answer['label']} (")


def test_predict_takes_pictures_of_any_size_and_mode(finished, tmp_path):
    paths = [tmp_path / "grey.png", tmp_path / "large.jpg"]
    Image.new("L", (20, 50), 80).save(paths[0])
    Image.new("RGB", (400, 300), (10, 200, 90)).save(paths[1])
    assert len(finished.json("predict", "small", *paths)) == 2


def test_the_model_loads_and_predicts_without_this_project(finished, images, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    bare = tmp_path / "bare"
    python = bare / "bin" / "python"
    site = next((bare / "lib").glob("python*/site-packages"))
    (site / "libraries.pth").write_text(libraries())
    np.save(tmp_path / "images.npy", images)
    script = """
import importlib.util, json, sys
import numpy as np
assert importlib.util.find_spec("studyhall") is None
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("optuna", "joblib", "studyhall"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import mlflow.pyfunc
model = mlflow.pyfunc.load_model("models:/small@champion")
answer = model.predict(np.load(sys.argv[1]))
print(json.dumps({name: values.tolist() for name, values in answer.items()}))
"""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", script, tmp_path / "images.npy"],
        cwd=tmp_path,
        env={**environment, "MLFLOW_TRACKING_URI": finished.tracking_uri},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    winner = champion("small", finished.tracking_uri).classifier
    assert answer["label"] == winner.predict(images).tolist()
    assert np.allclose(answer["probability"], winner.probabilities(images), atol=1e-6)


def test_no_artifact_is_a_pickle(finished):
    names = [path.name for path in (finished.folder / "mlruns").rglob("*") if path.is_file()]
    assert names
    assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]


def test_mlflow_serves_the_champion_over_http(finished, images):
    port = free_port()
    command = ["-m", "mlflow", "models", "serve", "-m", "models:/small@champion"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"]
    # MLflow looks its own helpers up on the PATH, as in an activated environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": finished.tracking_uri}
    with serving(
        [sys.executable, *command, *where], f"http://127.0.0.1:{port}/ping", env=environment
    ):
        body = {"inputs": images.tolist()}
        answer = post(f"http://127.0.0.1:{port}/invocations", body)
        winner = champion("small", finished.tracking_uri).classifier
        assert answer["predictions"]["label"] == winner.predict(images).tolist()
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(f"http://127.0.0.1:{port}/invocations", {"inputs": [[1, 2, 3]]})
        refused.value.close()
        assert refused.value.code == 400


@pytest.mark.parametrize("command", ["studyhall", pytest.param("mlflow", marks=pytest.mark.long)])
def test_the_ui_shows_the_runs_of_the_folder(finished, tmp_path, command):
    folder = finished.folder
    if command == "studyhall":  # it takes no file beside the runs for a module
        folder = tmp_path
        (folder / "mlflow.db").symlink_to(finished.folder / "mlflow.db")
        for name in ("random", "platform", "numpy", "flask"):
            (folder / f"{name}.py").write_text("raise SystemExit(__file__)", encoding="utf-8")
    port = free_port()
    program = str(Path(sys.executable).with_name(command))
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    address = f"http://127.0.0.1:{port}"
    workers = ["--workers", "1"] if command == "mlflow" else []
    with serving(
        [program, "ui", "--port", str(port), *workers],
        f"{address}/health",
        cwd=folder,
        env=environment,
    ):
        wanted = {"experiment_ids": ["1"], "max_results": 100}
        found = post(f"{address}/api/2.0/mlflow/runs/search", wanted)
        names = {run["info"]["run_name"] for run in found["runs"]}
        assert {"small", "trial-0000", "trial-0007"} <= names
        if command == "studyhall":
            require_own_names(port, f"127.0.0.1:{port}", {})
            require_no_escape(port, {})
            assert not list(finished.folder.rglob("escaped.txt"))
