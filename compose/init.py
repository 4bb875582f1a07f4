"""Prepare the service: roles, databases, the bucket, and the tables of Optuna and MLflow.

Run once at each start, before all that uses them. It may run any number of times: what is there
stays, a changed password of a role takes effect, and MLflow's tables of an older release are
brought up to date; older ones of Optuna's are left to whoever keeps the service.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import LiteralString

import boto3
import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import sql

_HOST = "postgres"
_BUCKET = "mlflow"
# Where Optuna's own commands are, for whoever reads the log outside of the containers.
_OPTUNA = "docker compose run --rm --no-deps --entrypoint optuna studyhall"
# Each role owns the database of its name, and may enter no other.
_PASSWORDS = {"studyhall": "STUDYHALL_DATABASE_PASSWORD", "mlflow": "MLFLOW_DATABASE_PASSWORD"}


def main() -> None:
    """Prepare all of it, in the order in which one part needs another."""
    create_databases()
    create_bucket()
    first = not has_tables()
    if not first:
        create_studies()  # before: there is no way back from an upgrade of MLflow's tables
    # At the same time: both take seconds, most of them to import what they need.
    with upgrade_of_mlflow() as upgrade:
        if first:
            create_studies()
    if upgrade.returncode != 0:
        sys.exit("init: MLflow's tables could not be made")
    print("init: the databases and the bucket are ready")


def create_databases() -> None:
    """Create the roles and databases that are not there yet, as the server's administrator."""
    password = os.environ["POSTGRES_PASSWORD"]
    try:
        server = psycopg.connect(
            host=_HOST, user="postgres", password=password, dbname="postgres", autocommit=True
        )
    except psycopg.OperationalError as error:
        sys.exit(f"init: POSTGRES_PASSWORD is that of the first start, or: {error}")
    try:
        with server:
            for name, variable in _PASSWORDS.items():
                create_database(server, name, os.environ[variable])
    except psycopg.Error as error:
        sys.exit(f"init: the databases cannot be made: {error}; see `docker compose logs postgres`")


def create_database(server: psycopg.Connection, name: str, password: str) -> None:
    """Create a role and the database that it owns, or set the role's password anew.

    The server gets a verifier, not the password, which its log could show otherwise.
    """
    verifier = server.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    role = sql.Identifier(name)
    if not _exists(server, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
        server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
    server.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier.decode()))
    )
    if not _exists(server, "SELECT 1 FROM pg_database WHERE datname = %s", name):
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))


def _exists(server: psycopg.Connection, query: LiteralString, name: str) -> bool:
    return server.execute(query, [name]).fetchone() is not None


def create_bucket() -> None:
    """Create the bucket of MLflow's files if there is none, and see that it is listed."""
    store = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    try:
        if _BUCKET not in {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}:
            store.create_bucket(Bucket=_BUCKET)
        store.list_objects_v2(Bucket=_BUCKET, MaxKeys=1)
    except (BotoCoreError, ClientError) as error:
        sys.exit(
            f"init: the store must take S3_ACCESS_KEY and S3_SECRET_KEY of .env, and make the "
            f"bucket {_BUCKET}: {error}; see `docker compose logs s3`"
        )


def has_tables() -> bool:
    """Whether MLflow's database was used before."""
    password = os.environ[_PASSWORDS["mlflow"]]
    with psycopg.connect(host=_HOST, user="mlflow", password=password, dbname="mlflow") as own:
        return _exists(own, "SELECT 1 FROM pg_tables WHERE tablename = %s", "alembic_version")


def create_studies() -> None:
    """Create the tables of studies and trials, or see that they are of this release."""
    from studyhall.search.common.errors import StudyhallError
    from studyhall.search.study.storage import open_storage

    os.environ["PGPASSWORD"] = os.environ[_PASSWORDS["studyhall"]]
    try:
        open_storage(f"postgresql://studyhall@{_HOST}/studyhall")
    except StudyhallError as error:
        told = str(error).removeprefix("--storage: ")
        sys.exit(f"init: {told.replace('`optuna ', f'`{_OPTUNA} ')}")


def upgrade_of_mlflow() -> subprocess.Popen[bytes]:
    """Start to create MLflow's tables, or to bring them up to date."""
    command = [sys.executable, "-m", "mlflow", "db", "upgrade"]
    return subprocess.Popen(
        [*command, f"postgresql+psycopg://mlflow@{_HOST}/mlflow"],
        env={**os.environ, "PGPASSWORD": os.environ[_PASSWORDS["mlflow"]]},
    )


if __name__ == "__main__":
    main()
