"""Folders for the command line, and one finished study that many tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, cifar10_cache: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, cifar10_cache: Path) -> Workspace:
    """A folder in which the small study was run to its end by two workers; not to be changed."""
    workspace = Workspace(tmp_path_factory.mktemp("finished"))
    workspace.write()
    workspace.run("launch", "small.toml", "--jobs", 2)
    return workspace
