"""Passwords: not taken on the command line, and found nowhere after a study."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest
import tomli_w
from mlflow.tracking import MlflowClient

from tests.cli.workspace import Workspace
from tests.postgres import IN_ADDRESS, PASSWORD
from tests.search.moons import SPEC
from tests.service.users import credentials, secret_of, signed_in

# As they are, and as an address or JSON spells them.
SECRETS = [
    *(PASSWORD, IN_ADDRESS, secret_of("ada"), "ada%27s%20p%40ssword", "YWRhOmFkYSdzIHBAc3N3b3Jk"),
]


@pytest.fixture(scope="module")
def launched(guarded, tmp_path_factory) -> tuple[Workspace, list[str]]:
    """A finished study with its report and export, and all command lines of its launch."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "storage").write_text(f"{guarded.storage}\n")
    places = {"STUDYHALL_STORAGE_FILE": "storage", "MLFLOW_TRACKING_URI": guarded.address}
    workspace = Workspace(folder, {**places, **credentials("ada")})
    study = {**SPEC, "study": {**SPEC["study"], "name": "secrets", "trials": 2}}
    workspace.write(tomli_w.dumps(study))
    with (folder / "launch.log").open("w") as log:
        process = workspace.start("launch", "small.toml", "--jobs", 2, stdout=log, stderr=log)
        lines = sorted(set(command_lines(process)))
    assert process.returncode == 0, (folder / "launch.log").read_text()
    for words in (["report", "secrets"], ["export", "secrets", "table.csv"]):
        stdout, stderr = workspace.run(*words)
        (folder / f"{words[0]}.log").write_text(stdout + stderr)
    return workspace, lines


def command_lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What everyone could read of a process and its children, until it ends."""
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        for one in (parent, *parent.children(recursive=True)):
            try:
                yield " ".join(one.cmdline())
            except psutil.Error:
                continue
        time.sleep(0.1)  # looked at often enough to see each process


def test_no_command_line_holds_a_password(launched):
    _, lines = launched
    assert any("loky" in line for line in lines)  # workers were seen, too
    assert not [line for line in lines for secret in SECRETS if secret in line]


def test_no_file_or_output_holds_a_password(launched):
    workspace, _ = launched
    files = [path for path in workspace.folder.rglob("*") if path.is_file()]
    assert {"launch.log", "table.csv"} <= {path.name for path in files}
    assert any(path.suffix == ".html" for path in files)
    for path in files:
        if path.name != "storage":
            require_none(path.read_bytes(), str(path))


def test_no_run_or_artifact_holds_a_password(launched, guarded, tmp_path):
    with signed_in("ada"):
        client = MlflowClient(guarded.address)
        experiment = client.get_experiment_by_name("secrets")
        require_none(repr(dict(experiment)).encode(), "the experiment")
        runs = client.search_runs([experiment.experiment_id])
        assert len(runs) >= 3
        for run in runs:
            require_none(repr(run.to_dictionary()).encode(), run.info.run_name)
            folder = tmp_path / run.info.run_id
            folder.mkdir()
            client.download_artifacts(run.info.run_id, "", str(folder))
        for path in tmp_path.rglob("*"):
            if path.is_file():
                require_none(path.read_bytes(), str(path))


def require_none(content: bytes, where: str) -> None:
    assert not [secret for secret in SECRETS if secret.encode() in content], where


def test_the_server_says_no_password(launched, guarded):
    require_none(guarded.server.log.read_bytes(), "the server's log")
