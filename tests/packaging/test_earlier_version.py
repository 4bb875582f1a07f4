"""What version 0.1.0 left, kept in tests/fixtures: its model loads, and its study goes on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.cli.record import runs_by_trial
from tests.cli.workspace import Workspace

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
MODEL = FIXTURES / "model_0_1_0"
JOURNAL = FIXTURES / "journal_0_1_0"
PROGRAM = """
import json, sys
import mlflow.pyfunc
import numpy as np

points = json.load(open(sys.argv[2]))["points"]
answer = mlflow.pyfunc.load_model(sys.argv[1]).predict(np.array(points, np.float32))
print(json.dumps({name: values.tolist() for name, values in answer.items()}))
"""


def test_its_model_still_loads_and_predicts(tmp_path):
    """In a process of its own, beside a file with the name of the code that lies in the model."""
    (tmp_path / "model.py").write_text("raise RuntimeError('my own')\n")
    words = ["-c", PROGRAM, MODEL / "model", MODEL / "expected.json"]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    expected = json.loads((MODEL / "expected.json").read_text())
    assert found["label"] == expected["label"]
    np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-5)


def test_its_study_is_found_and_goes_on(tmp_path):
    """Two trials had finished and one had begun when it was killed; MLflow's database is lost."""
    workspace = Workspace(Path(shutil.copytree(JOURNAL, tmp_path / "copy")))
    status = workspace.json("status", "moons")
    assert (status["finished"], status["unfinished"]) == (2, 1)
    assert status["best"]["value"] == 0.925
    _, stderr = workspace.run("launch", "moons.toml", "--jobs", 1, "--trials", 4)
    assert "2 done before" in stderr
    assert sorted(runs_by_trial(workspace, "moons")) == [0, 1, 2, 3]
    assert workspace.json("doctor", "moons")["found"] == []
    assert workspace.json("best", "moons")["trial"] == 1
