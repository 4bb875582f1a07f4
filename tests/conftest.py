"""Fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from search.datasets import fetch


@pytest.fixture(scope="session")
def cifar10_cache() -> Path:
    """The real CIFAR-10, decoded into the ordinary cache."""
    return fetch("cifar10")


@pytest.fixture(scope="session")
def mnist_cache() -> Path:
    """The real MNIST, decoded into the ordinary cache."""
    return fetch("mnist")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what is skipped where every test can run: a skip there hides a missing install step."""
    report = yield
    if report.skipped and os.environ.get("STUDYHALL_NO_SKIPS"):
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Likewise for whole files, which `importorskip` skips before there is a test."""
    report = yield
    if report.skipped and os.environ.get("STUDYHALL_NO_SKIPS"):
        report.outcome = "failed"
    return report
