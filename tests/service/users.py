"""An MLflow server that asks who calls, set up as docs/security.md says, and those who may call."""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.study.recorded import recorded_summary
from studyhall.search.study.summary import StudySummary
from tests.postgres import PASSWORD, USER
from tests.postgres import Server as Postgres
from tests.search.moons import Moons
from tests.server import Server
from tests.service.documented import documented
from tests.service.s3 import S3
from tests.service.stack import BUCKET

KEEPER = "keeper"
READER = "reader"
USERS = ("ada", "grace", READER)  # the others may write
ORIGIN = "https://mlflow.example"


def secret_of(user: str) -> str:
    """A user's password."""
    return f"{user}'s p@ssword:/1"


@dataclass(frozen=True, eq=False)
class Guarded:
    """The server with its users, and the databases: of studies, of MLflow, and of its users."""

    server: Server
    storage: str
    backend: str
    users: str

    @property
    def address(self) -> str:
        """The server's address."""
        return self.server.address


@contextmanager
def signed_in(user: str | None, password: str | None = None) -> Iterator[None]:
    """Call MLflow as a user, or as no one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials(user, password).items():
            patch.setenv(name, value)
        yield


def credentials(user: str | None, password: str | None = None) -> dict[str, str]:
    """What a user sets."""
    secret = password or (secret_of(user) if user else "")
    return {"MLFLOW_TRACKING_USERNAME": user or "", "MLFLOW_TRACKING_PASSWORD": secret}


def start_guarded(folder: Path, postgres: Postgres, s3: S3) -> Guarded:
    """Start the server and make its users, with the files and commands of docs/security.md."""
    users, backend = (postgres.new_database() for _ in range(2))
    file = folder / "auth.ini"
    place = {"postgresql+psycopg://mlflow@db.example/users": without_password(users)}
    file.write_text(documented("ini", place), encoding="utf-8")
    server = Server(
        folder,
        backend=None,
        artifacts=f"s3://{BUCKET}/guarded",
        options=["--app-name", "basic-auth"],
        environment={
            **s3.environment,
            "MLFLOW_BACKEND_STORE_URI": without_password(backend),
            "PGPASSWORD": PASSWORD,
            "MLFLOW_AUTH_CONFIG_PATH": str(file),
            "MLFLOW_AUTH_ADMIN_USERNAME": KEEPER,
            "MLFLOW_AUTH_ADMIN_PASSWORD": secret_of(KEEPER),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "0123456789abcdef" * 4,
            "MLFLOW_ENABLE_WORKSPACES": "true",
            "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1:*,localhost,mlflow.example",
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ORIGIN,
        },
    )
    quietly_imported("mlflow.server.auth.client")
    with signed_in(KEEPER), pytest.MonkeyPatch.context() as patch:
        for user in USERS:
            patch.setattr(getpass, "getpass", lambda _, user=user: secret_of(user))
            script = documented("python", {ORIGIN: server.address, '"ada"': f'"{user}"'})
            made, assigned, _ = script.partition("\nusers.assign_role")
            assert assigned
            exec(made if user == READER else script, {})
    return Guarded(server, postgres.new_database(), backend, users)


def quietly_imported(module: str) -> Any:
    """A part of MLflow's server, which warns of what it imports itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(module)


def without_password(address: str) -> str:
    """A database's address as MLflow takes it, the password elsewhere."""
    return f"postgresql+psycopg://{USER}@{address.rpartition('@')[2]}"


@dataclass(frozen=True)
class Signed(Moons):
    """The study of points on that server; give each its own name."""

    guarded: Guarded

    @property
    def places(self) -> dict[str, object]:
        return {**super().places, "storage": self.guarded.storage}

    @property
    def tracking_uri(self) -> str:
        return self.guarded.address

    def stands(self, name: str) -> StudySummary:
        """Where a study stands in the database."""
        return recorded_summary(name, self.guarded.storage)
