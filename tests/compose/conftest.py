"""The running service, once for all tests here: it takes most of their time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.compose.stack import Stack, engine_answers, new_settings


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine, which only some machines have."""
    if not engine_answers():
        pytest.skip("no Docker engine with Compose answers here")


@pytest.fixture(scope="session")
def unstarted(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The service before its start."""
    folder = tmp_path_factory.mktemp("service")
    settings = {**new_settings(), "STUDIES": str(folder / "studies")}
    stack = Stack(folder, settings, f"studyhall-test-{os.getpid()}")
    stack.write()
    return stack


@pytest.fixture(scope="session")
def stack(unstarted: Stack) -> Iterator[Stack]:
    """The service, up and well."""
    try:
        unstarted.up()
        yield unstarted
    finally:
        unstarted.compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture(scope="session")
def launched(stack: Stack) -> dict[str, Any]:
    """What a launch on the service said at its end."""
    return json.loads(stack.run("launch", "/studies/moons.toml", "--jobs", "2", "--json"))
