"""`studyhall service check`: what it says of a service that works, and of each that does not."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from studyhall import Options
from studyhall.search.cli.entry import app
from studyhall.search.common.service_part import Part
from studyhall.search.runner.service_check import check_service
from tests.search.moons import Moons
from tests.service.stack import Stack
from tests.service.troubles import (
    another_server,
    without_bucket,
    without_database,
    without_room,
    without_server,
    without_store,
)


def checked(stack: Stack, **places: str) -> dict[str, Part]:
    chosen = {"storage": stack.storage, "tracking_uri": stack.mlflow.address, **places}
    return {part.name: part for part in check_service(Options(**chosen))}


def problems(parts: dict[str, Part]) -> dict[str, str]:
    return {name: " | ".join(part.problems) for name, part in parts.items() if part.problems}


def test_a_service_that_works_is_well_in_every_part_and_keeps_nothing_of_the_look(stack):
    before = sorted(stack.bucket.rglob("*.txt"))
    parts = checked(stack)
    assert not problems(parts)
    assert list(parts) == ["database", "MLflow", "artifact store"]
    assert all(part.milliseconds > 0 for part in parts.values())
    assert parts["database"].facts["version"].startswith("1")
    assert parts["MLflow"].facts["version"].startswith("3.17")
    assert abs(parts["database"].facts["clock_difference_seconds"]) < 60
    assert sorted(stack.bucket.rglob("*.txt")) == before
    left = "SELECT count(*) FROM pg_tables WHERE tablename LIKE '%check%'"
    assert stack.postgres.query(left, stack.storage.rpartition("/")[2]) == "0"


def test_the_command_prints_a_line_a_part_and_its_json_the_same(stack):
    def run(*options: str):
        return CliRunner().invoke(
            app, ["service", "check", *options], env=stack.environment, standalone_mode=False
        )

    plain = run()
    assert [line.split(":")[:2] for line in plain.stdout.splitlines()] == [
        [name, " OK"] for name in ("database", "MLflow", "artifact store")
    ]
    assert "p@ss" not in plain.stdout
    assert "p%40ss" not in plain.stdout
    assert plain.return_value == 0
    with without_bucket(stack):
        answer = run("--json")
    assert answer.return_value == 1
    found = json.loads(answer.stdout)
    assert found["healthy"] is False
    assert [part["healthy"] for part in found["parts"]] == [True, True, False]


TROUBLES = [
    (without_bucket, "artifact store", "lacks the bucket"),
    (without_store, "artifact store", "does not answer the server: start it"),
    (without_server, "MLflow", "no server answers"),
]


@pytest.mark.parametrize(("trouble", "part", "sentence"), TROUBLES)
def test_what_is_wrong_is_said_in_a_sentence(stack, trouble, part, sentence):
    with trouble(stack):
        assert sentence in problems(checked(stack))[part]


def test_a_store_without_room_is_told_from_one_that_is_away(stack):
    with without_room(stack):
        found = problems(checked(stack))
    assert list(found) == ["artifact store"]
    assert "it has no room left" in found["artifact store"]


def test_all_that_a_missing_database_spoils_is_said_at_once(stack):
    with without_database(stack):
        found = problems(checked(stack))
    assert "Connection refused" in found["database"]
    assert "has no database (HTTP 503" in found["MLflow"]
    assert "p@ss" not in str(found)
    assert not problems(checked(stack))


def test_a_wrong_secret_of_the_server_is_named(stack):
    with another_server(stack, {"AWS_SECRET_ACCESS_KEY": "wrong"}) as other:
        assert "correct AWS_ACCESS_KEY_ID" in problems(checked(other))["artifact store"]


def test_a_server_that_does_not_know_its_name_is_told_how_to_be_started(stack):
    with another_server(stack, {}, "--allowed-hosts", "mlflow:5000") as other:
        [problem] = checked(other)["MLflow"].problems
    assert f'--allowed-hosts "127.0.0.1:{other.mlflow.port},localhost:*"' in problem


def test_a_wrong_password_and_a_database_that_is_not_there_are_told_apart(stack):
    wrong = stack.postgres.address("postgres", "wrong")
    assert "password authentication failed" in problems(checked(stack, storage=wrong))["database"]
    nowhere = stack.postgres.address("nowhere")
    assert (
        'database "nowhere" does not exist' in problems(checked(stack, storage=nowhere))["database"]
    )


def test_a_database_that_may_not_be_written_to_is_a_problem(stack, database):
    name = database.rpartition("/")[2]
    stack.postgres.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "read-only transaction" in problems(checked(stack, storage=database))["database"]


def test_an_empty_database_is_well_and_stays_empty(stack, database):
    part = checked(stack, storage=database)["database"]
    assert part.healthy
    assert part.facts["schema"] == "no tables yet; the first launch creates them"
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert stack.postgres.query(tables, database.rpartition("/")[2]) == "0"


def test_the_places_of_one_machine_are_well_before_and_after_a_launch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    moons = Moons(tmp_path)
    address = f"sqlite:///{tmp_path}/mlflow.db"  # not made beforehand, as that of `moons` is
    options = Options(jobs=1, folder=tmp_path, tracking_uri=address)
    parts = check_service(options)
    assert all(part.healthy for part in parts)
    assert [part.facts.get("state") for part in parts[:2]] == [
        "not there yet; the first launch creates it"
    ] * 2
    assert not list(tmp_path.iterdir())
    moons.launch(study={"trials": 1})
    parts = check_service(options)
    assert all(part.healthy for part in parts)
    assert parts[0].facts["studies"] == 1
