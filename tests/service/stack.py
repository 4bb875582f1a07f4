"""The service whole: PostgreSQL, an S3 server, and MLflow's server on both, here on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.tracking import MlflowClient

from tests.postgres import Server as Postgres
from tests.search.moons import Moons
from tests.server import Server
from tests.service.s3 import S3

BUCKET = "mlflow"


@dataclass(frozen=True, eq=False)
class Stack:
    """The three servers. A test may stop one, but must leave all of them running and whole.

    Attributes:
        postgres: The server of both databases.
        s3: The artifact store, with the bucket `mlflow`.
        mlflow: MLflow's server.
        storage: The address of the database of studies, as a user writes it.
        backend: The address of MLflow's own.
    """

    postgres: Postgres
    s3: S3
    mlflow: Server
    storage: str
    backend: str

    @property
    def bucket(self) -> Path:
        """The folder of the bucket's objects."""
        return self.s3.folder / BUCKET

    @property
    def environment(self) -> dict[str, str]:
        """What a user sets to use the service."""
        return {"STUDYHALL_STORAGE": self.storage, "MLFLOW_TRACKING_URI": self.mlflow.address}


def start_mlflow(folder: Path, backend: str, s3: S3) -> Server:
    """MLflow's server with its database at `backend` and its files in the S3 server's bucket."""
    address = backend.replace("postgresql://", "postgresql+psycopg://", 1)
    artifacts = f"s3://{BUCKET}"
    return Server(folder, backend=address, artifacts=artifacts, environment=s3.environment)


@dataclass(frozen=True)
class Served(Moons):
    """The study of points, kept in a service; give each its own name."""

    stack: Stack

    @property
    def places(self) -> dict[str, Any]:
        return {**super().places, "storage": self.storage}

    @property
    def tracking_uri(self) -> str:
        return self.stack.mlflow.address

    @property
    def storage(self) -> Any:
        return self.stack.storage

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking_uri)
