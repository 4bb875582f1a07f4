"""docs/operations.md: its very commands back up, restore and upgrade a service with a study."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from studyhall import UsageError
from studyhall.search.common.addresses import without_password
from studyhall.search.study.database_check import check_database
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.sync.doctor import examine
from tests import documented
from tests.postgres import PASSWORD, find_binaries, free_port
from tests.postgres import Server as Postgres
from tests.server import Server
from tests.service.s3 import KEY, SECRET
from tests.service.stack import BUCKET, Served
from tests.service.users import READER, Guarded, Signed, signed_in

PAGE = documented.DOCS / "operations.md"


def commands(heading: str) -> list[str]:
    """The blocks of commands that the page gives under a heading."""
    return documented.commands(PAGE.name, heading)


@pytest.fixture
def settings(served, tmp_path) -> dict[str, str]:
    """The variables of the page's first block, for the service here."""
    stack, name = served.stack, "RCLONE_CONFIG_STORE_"
    postgres = stack.postgres.address("postgres")
    return {
        **stack.environment,
        "STUDYHALL_STORAGE": without_password(stack.storage),
        "PGPASSWORD": PASSWORD,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "BACKEND": without_password(stack.backend),
        "USERS": "",
        "POSTGRES": without_password(postgres),
        "BUCKET": BUCKET,
        **{f"{name}TYPE": "s3", f"{name}PROVIDER": "Other", f"{name}ENDPOINT": stack.s3.address},
        **{f"{name}ACCESS_KEY_ID": KEY, f"{name}SECRET_ACCESS_KEY": SECRET},
        "BACKUP": str(tmp_path / "backup"),
    }


def typed(text: str, settings: dict[str, str]) -> None:
    """Type commands as the page has them, in a shell that stops at the first that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def record(served: Served, name: str) -> object:
    """What the study and MLflow say of its trials, the digests of their weights included."""
    study = recorded_study(read_storage(served.storage), name)
    assert study is not None
    experiment = served.client.get_experiment_by_name(name)
    runs = served.client.search_runs([experiment.experiment_id])
    assert len(runs) > 1
    return study.results(), sorted(
        (run.info.run_id, run.info.status, dict(run.data.tags), dict(run.data.metrics))
        for run in runs
    )


def test_every_setting_of_the_page_is_one_that_its_commands_use(settings):
    block = re.search(r"^```bash\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)[1]
    named = set(re.findall(r"(\w+)=", block))
    assert named == set(settings) - {"PATH", "HOME", "PGPASSWORD"}


def test_what_was_backed_up_is_restored_after_everything_was_destroyed(served, settings):
    stack = served.stack
    served.launch(study={"name": "backed", "trials": 3})
    before = record(served, "backed")
    typed(*commands("Back up"), settings)
    stack.mlflow.stop()
    try:
        for address in (stack.storage, stack.backend):
            stack.postgres.query(f"DROP DATABASE {address.rpartition('/')[2]} WITH (FORCE)")
        typed('rclone purge "store:$BUCKET"', settings)
        assert not stack.bucket.exists()
        typed(commands("Restore")[-1], settings)
    finally:
        stack.mlflow.start()
    assert record(served, "backed") == before
    assert examine("backed", served.options()).healthy
    assert served.launch(study={"name": "backed", "trials": 4}).complete == 4


def kept(folder: Path) -> dict[str, bytes]:
    """The files of a backup, but for what a backup that failed has begun."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".new")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_backup_that_fails_leaves_the_last_one_whole(served, settings):
    served.launch(study={"name": "kept", "trials": 1})
    typed(*commands("Back up"), settings)
    backup = Path(settings["BACKUP"])
    last = kept(backup)
    [files] = {name.partition("/")[0] for name in last if "/" in name}
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    # Pasted into a shell that goes on after what fails, as a user's does.
    command = ["bash", "-c", *commands("Back up")]
    for changes in ({"STUDYHALL_STORAGE": away}, {"BACKEND": away}, {"BUCKET": "nowhere"}):
        done = subprocess.run(command, env=settings | changes, capture_output=True, timeout=120)
        assert done.returncode != 0
        assert kept(backup) == last
    (served.stack.bucket / "emptied").mkdir()
    empty = subprocess.run(command, env=settings | {"BUCKET": "mlflow/emptied"}, timeout=120)
    assert empty.returncode == 0
    gone = {name.partition("/")[2] for name in kept(backup) if name.startswith(f"{files}.gone/")}
    assert gone == {name.partition("/")[2] for name in last if "/" in name}


@pytest.fixture
def another(postgres) -> Iterator[Postgres]:
    """A PostgreSQL server that is new: it has no role but its superuser."""
    server = Postgres(find_binaries())
    yield server
    server.remove()


@pytest.fixture
def owned(postgres) -> Iterator[str]:
    """The address of a database that a role owns which is no superuser."""
    postgres.query("CREATE ROLE recorder LOGIN PASSWORD 'its own'")
    postgres.query("CREATE DATABASE owned OWNER recorder")
    yield f"postgresql://recorder:its%20own@127.0.0.1:{postgres.port}/owned"
    postgres.query("DROP DATABASE owned WITH (FORCE)")
    postgres.query("DROP ROLE recorder")


def accounts(postgres: Postgres, address: str) -> dict[str, str]:
    """All that the database of MLflow's users holds, by its tables."""
    database = address.rpartition("/")[2]
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    names = postgres.query(tables, database).split()
    return {name: postgres.query(f"SELECT * FROM {name} ORDER BY 1", database) for name in names}


@contextmanager
def moved(guarded: Guarded, old: Postgres, new: Postgres, folder: Path) -> Iterator[Guarded]:
    """The server with its users, on another PostgreSQL server."""

    def there(text: str) -> str:
        return text.replace(f"127.0.0.1:{old.port}/", f"127.0.0.1:{new.port}/")

    settings = {name: there(value) for name, value in guarded.server.environment.items()}
    file = folder / "auth.ini"
    file.write_text(there(Path(settings["MLFLOW_AUTH_CONFIG_PATH"]).read_text()))
    settings["MLFLOW_AUTH_CONFIG_PATH"] = str(file)
    first = guarded.server
    server = Server(folder, None, first.artifacts, first.options, settings)
    try:
        places = {name: there(getattr(guarded, name)) for name in ("storage", "backend", "users")}
        yield Guarded(server, **places)
    finally:
        server.kill()


def with_users(guarded: Guarded, postgres: Postgres, settings: Mapping[str, str]) -> dict[str, str]:
    """The page's settings for the server that has users, at a PostgreSQL server."""
    names = {"STUDYHALL_STORAGE": "storage", "BACKEND": "backend", "USERS": "users"}
    return {
        **settings,
        "POSTGRES": without_password(postgres.address("postgres")),
        **{name: without_password(getattr(guarded, place)) for name, place in names.items()},
    }


def test_users_and_their_rights_are_restored_on_a_new_server(
    guarded, postgres, another, owned, settings, tmp_path
):
    guarded = replace(guarded, storage=owned)
    with signed_in("ada"):
        Signed(tmp_path, guarded).launch(study={"name": "moved", "trials": 2})
    superuser = replace(guarded, storage=postgres.address("owned"))  # who makes the backup
    typed(*commands("Back up"), with_users(superuser, postgres, settings))
    secret = Path(settings["BACKUP"]) / "roles.sql"
    assert "SCRAM-SHA-256" in secret.read_text()
    assert secret.stat().st_mode & 0o077 == 0
    typed("\n".join(commands("Restore")), with_users(guarded, another, settings))
    before = accounts(postgres, guarded.users)
    assert before["users"].count("\n") == 3
    assert accounts(another, guarded.users) == before
    with moved(guarded, postgres, another, tmp_path) as there:
        study = Signed(tmp_path, there)
        with signed_in("ada"):
            assert examine("moved", study.options()).healthy
            assert study.launch(study={"name": "moved", "trials": 3}).complete == 3
        with signed_in(READER), pytest.raises(UsageError, match="this user may not do that"):
            study.launch(study={"name": "moved", "trials": 4})


def test_the_documented_upgrade_brings_earlier_tables_up_to_date(served, settings, database):
    stack = replace(served.stack, storage=database)
    served = Served(served.folder, stack)
    served.launch(study={"name": "upgraded", "trials": 2})
    before = record(served, "upgraded")
    name = database.rpartition("/")[2]  # what Optuna 3.2's migration did, undone
    stack.postgres.query("DROP INDEX ix_trials_study_id", name)
    stack.postgres.query("UPDATE alembic_version SET version_num = 'v3.0.0.d'", name)
    [problem] = check_database(database).problems
    assert "has the tables of an earlier Optuna" in problem
    with pytest.raises(UsageError) as raised:
        served.launch(study={"name": "upgraded"})
    assert "optuna storage upgrade --storage 'postgresql+psycopg://" in str(raised.value)
    assert "p%40ss" not in f"{problem}{raised.value}"
    typed(*commands("Upgrade"), {**settings, "STUDYHALL_STORAGE": without_password(database)})
    assert check_database(database).healthy
    assert record(served, "upgraded") == before
    assert served.launch(study={"name": "upgraded", "trials": 3}).complete == 3
