"""Studies in PostgreSQL: what goes wrong with a server, said in a sentence or survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import studyhall.search.study.postgres
from studyhall.search.common.errors import UsageError
from studyhall.search.study.postgres import connection_trouble
from studyhall.search.study.storage import exclusive, open_storage, read_storage
from tests.postgres import IN_ADDRESS, PASSWORD
from tests.search.study.processes import ROOT, Worker
from tests.search.study.storage_worker import add_one, opened
from tests.waiting import wait_for


def complaint(address: str) -> str:
    with pytest.raises(UsageError) as caught:
        open_storage(address)
    with pytest.raises(UsageError, match="--storage"):
        read_storage(address)
    said = str(caught.value)
    assert PASSWORD not in said
    assert IN_ADDRESS not in said
    assert "secret" not in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("database", "password", "reason"),
    [
        ("nowhere", IN_ADDRESS, 'FATAL:  database "nowhere" does not exist'),
        ("postgres", "secret", 'FATAL:  password authentication failed for user "studyhall"'),
        ("postgres?sslmode=none", IN_ADDRESS, 'invalid sslmode value: "none"'),
    ],
)
def test_a_server_that_refuses_is_quoted(postgres, database, password, reason):
    said = complaint(postgres.address(database, password))
    assert said.startswith("--storage: postgresql+psycopg://studyhall:***@127.0.0.1:")
    assert "must be a database that can be reached and written to: " in said
    assert said.endswith(reason)


def test_a_server_that_is_away_is_named():
    said = complaint("postgresql://me:secret@127.0.0.1:1/name")
    assert said.endswith('connection to server at "127.0.0.1", port 1 failed: Connection refused')


@pytest.mark.parametrize(
    "address",
    ["postgresql://me:secret/name", "postgresql://me:se/cret@h/n", "postgresql://me:p@secret@h/n"],
)
def test_a_malformed_address_says_how_to_write_it(address):
    assert "must read postgresql://user:password@host:port/database, with %40" in complaint(address)


def test_a_user_who_may_not_create_tables_is_told(postgres, database):
    postgres.query("CREATE ROLE reader LOGIN PASSWORD 'secret'")
    name = database.rpartition("/")[2]
    address = f"postgresql://reader:secret@127.0.0.1:{postgres.port}/{name}"
    with pytest.raises(UsageError, match="permission denied for schema public"):
        open_storage(address)
    assert read_storage(address).get_all_studies() == []


def test_without_psycopg_the_extra_is_named(database):
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from studyhall.search.study.storage import open_storage\n"
        "open_storage(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, database], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr.rstrip().endswith(
        "needs psycopg; install it with `pip install 'studyhall[postgresql]'`"
    )
    assert IN_ADDRESS not in done.stderr


def test_odd_names_and_passwords_are_taken_as_they_are(postgres):
    postgres.query("CREATE ROLE odd SUPERUSER LOGIN PASSWORD '{SCHEMA}%s%{}'")
    postgres.query('CREATE DATABASE "{odd}"')
    address = f"postgresql://odd:{{SCHEMA}}%25s%25{{}}@127.0.0.1:{postgres.port}/{{odd}}"
    opened(address)
    assert postgres.query("SELECT count(*) FROM studies", "{odd}") == "1"


def test_reading_leaves_an_empty_database_empty(postgres, database):
    assert read_storage(database).get_all_studies() == []
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.query(tables, database.rpartition("/")[2]) == "0"


def test_what_a_failed_turn_wrote_is_undone_and_forgotten(database):
    storage, study = opened(database)
    trial = storage.create_new_trial(study)

    def fail() -> None:
        with exclusive(storage, "count"):
            storage.create_new_trial(study)
            storage.set_trial_state_values(trial, TrialState.COMPLETE, [1.0])
            assert len(storage.get_all_trials(study)) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    for witness in (storage, open_storage(database)):
        assert [t.state for t in witness.get_all_trials(study)] == [TrialState.RUNNING]
        assert storage.get_trial(trial).state is TrialState.RUNNING
    storage.set_trial_param(trial, "rate", 0.5, optuna.distributions.FloatDistribution(0, 1))


def test_a_holder_that_hung_loses_its_turn_and_cannot_write(database, monkeypatch):
    storage, study = opened(database)
    other = open_storage(database)
    monkeypatch.setattr(studyhall.search.study.postgres, "SECONDS_HUNG", 1)

    def hang() -> None:
        with exclusive(storage, "count"):
            storage.set_study_user_attr(study, "count", 100)
            add_one(other, study)  # returns when the server has had enough of us
            storage.set_study_user_attr(study, "count", 200)

    with pytest.raises(optuna.exceptions.StorageInternalError) as caught:
        hang()
    assert connection_trouble(caught.value)
    assert storage.get_study_user_attrs(study) == {"count": 1}
    add_one(storage, study)
    assert other.get_study_user_attrs(study) == {"count": 2}


def test_a_frozen_process_does_not_stop_the_others(database):
    """As `kill -STOP` or a laptop's lid leaves one."""
    with Worker("hold", database, 2) as holder:
        holder.wait_until_ready()
        holder.tell()
        assert holder.answer() == "held"
        os.kill(holder.process.pid, signal.SIGSTOP)
        storage, study = opened(database)
        add_one(storage, study)
    assert storage.get_study_user_attrs(study) == {"count": 1}


@pytest.mark.parametrize("ending", ["restart", "kill"])
def test_trials_outlive_a_server_that_restarts_under_load(postgres, database, ending):
    storage, study = opened(database)
    workers = [Worker("run", database, 20) for _ in range(3)]
    try:
        for worker in workers:
            worker.wait_until_ready()
        for worker in workers:
            worker.tell()
        for finished in (5, 30):
            wait_for(
                lambda enough=finished: storage.get_n_trials(study, TrialState.COMPLETE) >= enough
            )
            if ending == "kill":
                postgres.kill()
                postgres.start()
            else:
                postgres.restart()
        numbers = list(chain.from_iterable(worker.answer() for worker in workers))
    finally:
        for worker in workers:
            worker.__exit__()
    assert sorted(numbers) == list(range(60))
    found = open_storage(database).get_all_trials(study)
    assert [(t.number, t.state, t.value) for t in found] == [
        (number, TrialState.COMPLETE, number) for number in range(60)
    ]
    assert all(t.intermediate_values == {step: t.number + step for step in range(5)} for t in found)


def test_the_commands_take_a_database(database, tmp_path):
    def studyhall(*words: str, code: int = 0) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from studyhall.search.cli.entry import main; main()", *words],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "200",
                "PGPASSWORD": PASSWORD,
            },
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert done.returncode == code, done.stderr
        assert IN_ADDRESS not in done.stdout + done.stderr
        return done.stdout, done.stderr

    Path(tmp_path / "points.toml").write_text(POINTS)
    named = database.replace(f":{IN_ADDRESS}@", "@")  # an option takes no password
    asked = ("points.toml", "--storage", named)
    assert "points " not in studyhall("list", "--storage", named)[0]
    first = studyhall("launch", *asked, "--jobs", "2", "--timeout", "0.001")[0]
    assert "--storage postgresql" in first.replace("'", "")
    studyhall("launch", *asked, "--jobs", "2")
    assert "points: 4 of 4 trials finished" in studyhall("status", *asked)[0]
    assert "4/4" in studyhall("list", "--storage", named)[0]
    assert "validation_accuracy" in studyhall("best", *asked)[0]
    assert not (tmp_path / "studyhall.journal").exists()
    assert (tmp_path / ".studyhall").is_dir()


POINTS = """\
[study]
name = "points"
trials = 4
sampler = "random"

[data]
name = "two_blobs"
train = 100
validation = 50

[network]
hidden = [4]

[training]
optimizer = "sgd"
epochs = 2

[search_space]
learning_rate = { type = "float", low = 1e-3, high = 1.0, log = true }
"""
