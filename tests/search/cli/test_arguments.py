"""Options that may hold a secret: where it must not stand, and where it may."""

from __future__ import annotations

import sys

import pytest

from studyhall.search.cli import entry

DATABASE = "postgresql://me:se%40cret@127.0.0.1:1/name"
SERVER = "http://me:se%40cret@127.0.0.1:1"
VARIABLES = ("STUDYHALL_STORAGE", "STUDYHALL_STORAGE_FILE", "MLFLOW_TRACKING_URI")


@pytest.fixture
def complaint(tmp_path, monkeypatch, capsys):
    """What a command complains of; it ends with exit code 2."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["studyhall", *words])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert "se%40cret" not in said
        assert said.count("\n") == 1
        return said

    return run


@pytest.mark.parametrize(
    ("words", "elsewhere"),
    [
        (["list", "--storage", DATABASE], "STUDYHALL_STORAGE"),
        (["launch", "cifar10", f"--storage={DATABASE}"], "STUDYHALL_STORAGE"),
        (["status", "cifar10", "--storage", "postgresql://h/n?password=x"], "PGPASSWORD"),
        (["launch", "cifar10", "--tracking-uri", SERVER], "MLFLOW_TRACKING_PASSWORD"),
        (["doctor", "cifar10", "--tracking-uri", DATABASE], "MLFLOW_TRACKING_URI"),
        (["replay", f"{SERVER}/#/experiments/1/runs/{'0' * 32}"], "MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_a_password_on_the_command_line_is_refused(complaint, words, elsewhere):
    said = complaint(*words)
    assert "password" in said
    assert "***" in said
    assert elsewhere in said


def test_the_same_address_in_the_environment_is_used(complaint, monkeypatch):
    monkeypatch.setenv("STUDYHALL_STORAGE", DATABASE)
    assert "Connection refused" in complaint("list")


def test_a_file_may_hold_the_address(complaint, monkeypatch, tmp_path):
    (tmp_path / "secret").write_text(f"{DATABASE}\n")
    monkeypatch.setenv("STUDYHALL_STORAGE_FILE", "secret")
    assert "Connection refused" in complaint("list")


@pytest.mark.parametrize("content", ["", "one\ntwo\n", None])
def test_a_file_without_an_address_is_refused(complaint, monkeypatch, tmp_path, content):
    if content is not None:
        (tmp_path / "secret").write_text(content)
    monkeypatch.setenv("STUDYHALL_STORAGE_FILE", "secret")
    assert complaint("list").startswith("studyhall: STUDYHALL_STORAGE_FILE: ")
