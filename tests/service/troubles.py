"""What can be wrong with the service, brought about for real and mended again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace

from tests.cli.hardships import full, small_disk
from tests.server import Server
from tests.service.stack import BUCKET, Stack


@contextmanager
def without_bucket(stack: Stack) -> Iterator[None]:
    """The bucket is away."""
    aside = stack.s3.folder / "aside"
    with stack.s3.away():
        stack.bucket.rename(aside)
    try:
        yield
    finally:
        with stack.s3.away():
            aside.rename(stack.bucket)


@contextmanager
def without_room(stack: Stack) -> Iterator[None]:
    """The bucket is on a disk that is full; what it held is not there."""
    with ExitStack() as disk:
        with stack.s3.away():
            disk.enter_context(small_disk(stack.bucket))
        disk.enter_context(full(stack.bucket))
        try:
            yield
        finally:
            with stack.s3.away():
                disk.close()


def without_store(stack: Stack) -> AbstractContextManager[None]:
    """The S3 server is away."""
    return stack.s3.away()


@contextmanager
def without_database(stack: Stack) -> Iterator[None]:
    """PostgreSQL is away."""
    stack.postgres.stop()
    try:
        yield
    finally:
        stack.postgres.start()


@contextmanager
def without_server(stack: Stack) -> Iterator[None]:
    """MLflow's server is away."""
    stack.mlflow.kill()
    try:
        yield
    finally:
        stack.mlflow.start()


@contextmanager
def another_server(stack: Stack, environment: Mapping[str, str], *options: str) -> Iterator[Stack]:
    """The same service with a second MLflow server, that is set up in another way."""
    first = stack.mlflow
    folder = first.folder.with_name(f"{first.folder.name}-other")
    folder.mkdir(exist_ok=True)
    changed = {**first.environment, **environment}
    server = Server(folder, first.backend, f"s3://{BUCKET}", options, changed)
    try:
        yield replace(stack, mlflow=server)
    finally:
        server.kill()
