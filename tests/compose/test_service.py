"""The running service: safe, and a study on it survives what happens to containers."""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from base64 import b64encode
from dataclasses import replace
from urllib.error import HTTPError

import pytest

from tests.compose.stack import Stack, docker
from tests.documented import commands
from tests.foreign import ARTIFACTS, asked, require_own_names
from tests.waiting import wait_for

RUNNING = ("mlflow-1", "postgres-1", "s3-1", "scheduler-1", "worker-1", "worker-2")
USERS = {"MLFLOW_ADMIN_PASSWORD": "a long p@ssword", "MLFLOW_SECRET_KEY": "signs forms"}


def call(stack: Stack, path: str, body: object = None) -> dict:
    """What MLflow's server answers to this machine."""
    address = f"http://127.0.0.1:{stack.settings['MLFLOW_PORT']}/{path}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    if password := stack.settings.get("MLFLOW_ADMIN_PASSWORD"):
        request.add_header(
            "Authorization", f"Basic {b64encode(f'admin:{password}'.encode()).decode()}"
        )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def runs(stack: Stack) -> dict[str, str]:
    """The state of each run of the study, by its name."""
    search = "api/2.0/mlflow/experiments/search"
    experiments = call(stack, search, {"max_results": 100})["experiments"]
    (study,) = (found["experiment_id"] for found in experiments if found["name"] == "moons")
    body = {"experiment_ids": [study], "max_results": 100}
    found = call(stack, "api/2.0/mlflow/runs/search", body)["runs"]
    return {run["info"]["run_name"]: run["info"]["status"] for run in found}


def test_everything_is_healthy(stack):
    states = {name: found["State"] for name, found in stack.containers().items()}
    assert states.pop("init-1")["ExitCode"] == 0
    assert set(states) == set(RUNNING)
    assert {state["Health"]["Status"] for state in states.values()} == {"healthy"}


@pytest.mark.parametrize("name", RUNNING)
def test_processes_may_do_little(stack, name):
    container = stack.containers()[name]["Id"]
    status = docker("exec", container, "cat", "/proc/self/status", "/proc/1/status").stdout
    fields = re.findall(r"^(Uid|CapEff|CapBnd|NoNewPrivs):\s+(\w+)", status, re.MULTILINE)
    values = {field: {value for key, value in fields if key == field} for field, _ in fields}
    assert "0" not in values["Uid"]
    assert values["CapEff"] == values["CapBnd"] == {"0" * 16}
    assert values["NoNewPrivs"] == {"1"}
    refused = docker("exec", container, "sh", "-c", "echo > /etc/mark", check=False)
    assert "Read-only file system" in refused.stderr


def test_this_machine_alone_reaches_the_ports(stack):
    opened = {
        (binding["HostIp"], binding["HostPort"])
        for found in stack.containers().values()
        for bindings in (found["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or ()
    }
    assert {address for address, _ in opened} == {"127.0.0.1"}
    for address, port in opened:
        socket.create_connection((address, int(port)), timeout=10).close()


def test_the_store_is_where_the_server_alone_is(stack):
    networks = {
        name: {network.removeprefix(f"{stack.project}_") for network in joined}
        for name, found in stack.containers().items()
        for joined in [found["NetworkSettings"]["Networks"]]
    }
    assert networks.pop("s3-1") == {"artifacts"}
    assert {name for name, joined in networks.items() if "artifacts" in joined} == {
        *("init-1", "mlflow-1"),
    }
    assert (
        docker("network", "inspect", "-f", "{{.Internal}}", f"{stack.project}_artifacts").stdout
        == "true\n"
    )


def test_a_study_runs_and_is_on_record(stack, launched):
    assert launched["complete"] + launched["pruned"] == 6
    states = runs(stack)
    assert {name for name in states if name.startswith("trial-")} == {
        f"trial-{number:04d}" for number in range(6)
    }
    assert set(states.values()) <= {"FINISHED", "KILLED"}


def test_a_launch_that_was_left_to_the_workers_goes_on_alone(stack, launched):
    stack.run("launch", "/studies/moons.toml", "--name", "left", "--detach")
    wait_for(lambda: json.loads(stack.run("status", "left", "--json"))["finished"] == 6, pause=1)


def test_files_go_through_the_server_to_the_store(stack, launched):
    files = docker("exec", stack.containers()["s3-1"]["Id"], "sh", "-c", "find /data | wc -l")
    assert int(files.stdout) > 10
    assert json.loads(stack.run("evaluate", "moons", "--json"))


def test_an_experiment_cannot_keep_its_files_in_the_servers_folders(stack):
    port, api = int(stack.settings["MLFLOW_PORT"]), "api/2.0/mlflow"
    for number, place in enumerate(("/opt/compose", "/var/cache/studyhall", "/home", "/")):
        experiment = {"name": f"elsewhere-{number}", "artifact_location": f"file://{place}"}
        found = call(stack, f"{api}/experiments/create", experiment)["experiment_id"]
        run = call(stack, f"{api}/runs/create", {"experiment_id": found})["run"]["info"]["run_id"]
        upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=planted.txt"
        status, _ = asked(port, "POST", upload, {}, b"planted")
        assert status >= 400
        call(stack, f"{api}/experiments/delete", {"experiment_id": found})
    server = stack.containers()["mlflow-1"]["Id"]
    find = ("find", "/", "-name", "planted.txt", "-not", "-path", "/proc/*")
    assert docker("exec", server, *find, check=False).stdout == ""


def test_mlflow_serves_figures_for_prometheus(stack, launched):
    address = f"http://127.0.0.1:{stack.settings['MLFLOW_PORT']}/metrics"
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert b"mlflow_http_request_total" in answer.read()


def test_mlflow_stays_small(stack, launched):
    container = stack.containers()["mlflow-1"]["Id"]
    used = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).stdout
    print(f"MLflow after a study: {used.strip()}")
    amount, unit = re.match(r"([\d.]+)(MiB|GiB)", used).groups()
    assert float(amount) * {"MiB": 2**20, "GiB": 2**30}[unit] < 0.6e9


def test_foreign_names_and_pages_are_refused_and_a_large_file_is_not(stack):
    port = int(stack.settings["MLFLOW_PORT"])
    require_own_names(port, f"localhost:{port}", {})
    large, path = bytes(80 * 2**20), f"{ARTIFACTS}/large.bin"  # more than a proxy's limit
    assert asked(port, "PUT", path, {}, large)[0] == 200
    assert asked(port, "DELETE", path, {})[0] == 200


def test_passwords_are_in_no_command_image_or_log(stack, launched):
    said = [stack.compose("logs", "--no-color").stdout]
    for name, found in stack.containers().items():
        said.append(json.dumps([found["Path"], found["Args"], found["Config"]["Cmd"]]))
        if found["State"]["Running"] and name != "s3-1":
            said.append(docker("top", found["Id"], "-o", "pid,args").stdout)
    image = stack.containers()["mlflow-1"]["Image"]
    said.append(docker("image", "history", "--no-trunc", image).stdout)
    said.append(docker("image", "inspect", image).stdout)
    for name, password in stack.passwords.items():
        assert not any(password in text for text in said), name


def init(stack: Stack, *options: str) -> tuple[int, str]:
    """Prepare the service once more; return the exit code and what was said."""
    words = ("run", "--rm", "--no-TTY", "--no-deps", *options, "init")
    done = stack.compose(*words, check=False)
    return done.returncode, f"{done.stdout}{done.stderr}"


def test_what_init_cannot_do_is_a_sentence(stack):
    code, said = init(stack, "--env", "AWS_SECRET_ACCESS_KEY=wrong")
    assert code == 1
    assert "init: the store must take S3_ACCESS_KEY and S3_SECRET_KEY of .env, and make" in said
    code, said = init(stack, "--env", "POSTGRES_PASSWORD=wrong")
    assert code == 1
    assert "init: POSTGRES_PASSWORD is that of the first start, or: " in said
    assert "Traceback" not in said


def test_tables_of_an_earlier_optuna_are_upgraded_as_documented(stack, launched):
    undo = (  # what Optuna 3.2's migration did
        "DROP INDEX ix_trials_study_id; UPDATE alembic_version SET version_num = 'v3.0.0.d'"
    )
    as_postgres = ("psql", "--username", "postgres", "--dbname", "studyhall", "--command", undo)
    stack.compose("exec", "--no-TTY", "postgres", *as_postgres)
    code, said = init(stack)
    assert code == 1
    assert "init: " in said
    assert "has the tables of an earlier Optuna" in said
    assert "Traceback" not in said
    command, *_ = commands("compose.md", "Upgrade")[0].replace("\\\n ", "").splitlines()
    assert command.split(" --storage ")[0] in said
    stack.typed(command)
    code, said = init(stack)
    assert (code, "init: the databases and the bucket are ready" in said) == (0, True)
    assert json.loads(stack.run("doctor", "moons", "--json"))["found"] == []


def test_killed_containers_come_back(stack, launched):
    before = {name: stack.containers()[name] for name in RUNNING}
    for found in before.values():
        # All processes but the first, which ends with its child.
        docker("exec", found["Id"], "sh", "-c", "kill -9 -1", check=False)
    for name, found in before.items():
        stack.wait_healthy(name, found["RestartCount"] + 1)
    assert json.loads(stack.run("best", "moons", "--json"))


def test_the_study_survives_the_loss_of_all_by_its_backup_and_users_of_mlflow(
    stack, launched, tmp_path
):
    before, best = runs(stack), stack.run("best", "moons", "--json")
    place = {"BACKUP": str(tmp_path / "backup")}
    stack.typed(*commands("compose.md", "Back up"), **place)
    assert {found.stat().st_mode & 0o077 for found in (tmp_path / "backup").iterdir()} == {0}
    stack.compose("down", "--volumes", "--timeout", "5")
    guarded = replace(stack, settings={**stack.settings, **USERS})
    guarded.write()
    guarded.typed(*commands("compose.md", "Restore"), **place, COMPOSE_PROFILES="dashboard")
    with pytest.raises(HTTPError, match="401"):
        runs(stack)
    assert runs(guarded) == before
    assert guarded.run("best", "moons", "--json") == best
    assert json.loads(guarded.run("doctor", "moons", "--json"))["found"] == []
    assert guarded.containers()["optuna-dashboard-1"]["State"]["Health"]["Status"] == "healthy"
