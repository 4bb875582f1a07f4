"""Folders for the command line, and one finished study that many tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.record import Answer, answers
from tests.cli.spoiling import MIXED, Recorded, copy_of
from tests.cli.watching import SLOW, Launches
from tests.cli.workspace import SMALL, Workspace, launched_once
from tests.mlflow_database import sqlite


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path, cifar10_cache: Path) -> Workspace:
    """A folder of its own; with the parameter "database", studies are kept in PostgreSQL."""
    if getattr(request, "param", "journal") == "journal":
        return Workspace(tmp_path)
    return Workspace(tmp_path, {"STUDYHALL_STORAGE": request.getfixturevalue("database")})


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, cifar10_cache: Path) -> Workspace:
    """A folder in which the small study was run to its end by two workers; not to be changed."""
    return launched_once(tmp_path_factory, "finished", SMALL, jobs=2)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cifar10_cache: Path) -> list[Answer]:
    """What the slow study answers when no one disturbs it."""
    return answers(launched_once(tmp_path_factory, "undisturbed", SLOW), "small")


@pytest.fixture
def launches(workspace: Workspace) -> Iterator[Launches]:
    """Launches of the slow study, which end with the test."""
    sqlite(workspace.folder)
    workspace.write(SLOW)
    started = Launches(workspace)
    yield started
    started.end()


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory, cifar10_cache: Path) -> Workspace:
    """A folder with trials that ended in every way; not to be changed."""
    return launched_once(tmp_path_factory, "mixed", MIXED)


@pytest.fixture
def recorded(mixed: Workspace, tmp_path: Path) -> Recorded:
    """A copy of that folder."""
    return copy_of(mixed, tmp_path / "copy")
