"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.datasets import fetch


@pytest.fixture(scope="session")
def cifar10_cache() -> Path:
    """The real CIFAR-10, decoded into the ordinary cache."""
    return fetch("cifar10")
