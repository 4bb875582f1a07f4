"""`studyhall gc` on the service: weights go through the server, runs by the printed command."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import uuid

import pytest
from mlflow.exceptions import MlflowException

from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.sync.doctor import examine
from studyhall.search.sync.outbox import Outbox
from studyhall.search.sync.retention import clean_up
from tests.service.stack import BUCKET


def test_weights_go_through_the_server_and_runs_by_the_command_that_is_printed(served):
    served.launch(study={"name": "swept", "trials": 3})
    stack, client, options = served.stack, served.client, served.options()
    done = clean_up("swept", options, keep_weights=1, remove=True)
    assert [one.kind for one in done.removals] == ["weights"] * 2
    experiment = client.get_experiment_by_name("swept").experiment_id
    left = list((stack.bucket / experiment).rglob("*.safetensors"))
    assert len(left) == 1
    champion = client.get_model_version_by_alias("swept", "champion").run_id
    assert champion in str(left[0])
    assert examine("swept", options).healthy

    tags = client.get_run(champion).data.tags
    ours = {name: value for name, value in tags.items() if name.startswith("studyhall.")}
    second = client.create_run(experiment, tags=ours).info.run_id
    client.log_text(second, "x", "note.txt")
    client.set_terminated(second)
    client.delete_run(second)
    found = clean_up("swept", options, remove=True)
    assert not found.removals
    type_on_server(found.manual_command, stack)
    with pytest.raises(MlflowException, match="not found"):
        client.get_run(second)
    assert not list((stack.bucket / experiment).rglob("note.txt"))
    assert examine("swept", options).healthy


def test_what_studies_that_are_gone_left_on_a_cluster_s_host_goes(served, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYHALL_HOME", str(tmp_path / "home"))
    served.launch(study={"name": "recorded", "trials": 1})
    study = recorded_study(read_storage(served.storage), "recorded")
    [known, empty, at_work] = [
        Outbox(tmp_path / "home" / "1" / name)
        for name in (study.study_id, uuid.uuid4().hex, uuid.uuid4().hex)
    ]
    for outbox in (known, empty, at_work):
        outbox.folder.mkdir(parents=True)
        (outbox.folder / "sending.lock").touch()
    at_work.live(0, 1).write_text("a point")  # of a study that another database records
    found = clean_up(None, served.options(), remove=True)
    assert [one.what for one in found.removals if one.kind == "outbox"] == [str(empty.folder)]
    assert any(said.startswith(f"{at_work.folder}: ") for said in found.kept)
    assert known.folder.exists()
    assert not empty.folder.exists()


def type_on_server(command: str, stack) -> None:
    """Run the printed command with what it leaves to fill in."""
    backend = stack.backend.replace("postgresql:", "postgresql+psycopg:", 1)
    full = command.replace("--backend-store-uri …", f"--backend-store-uri {shlex.quote(backend)}")
    full = full.replace("--artifacts-destination …", f"--artifacts-destination s3://{BUCKET}")
    words = [sys.executable, "-m", *shlex.split(full)]
    done = subprocess.run(words, env={**os.environ, **stack.s3.environment}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
