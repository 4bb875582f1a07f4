"""Errors that no part of Studyhall explains end in a sentence, too; --debug raises them."""

from __future__ import annotations

import errno

import pytest

from studyhall.search.cli import entry


def fail(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TypeError("unhashable\ntype"), f"{entry.UNEXPLAINED} (TypeError: unhashable type); "
         "--debug shows where, please report it"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "\udcff"),
         "\\udcff: File name too long"),
        (OSError(errno.ENOSPC, "No space left on device", "x"),
         "x: No space left on device; make room, then launch again: finished trials are kept"),
    ],
)  # fmt: skip
def test_an_error_that_nobody_explained_is_a_sentence(monkeypatch, capsys, error, said):
    monkeypatch.setattr(entry, "app", lambda *_, **__: fail(error))
    assert entry.run(["list"]) == 1
    assert capsys.readouterr().err == f"studyhall: {said}\n"
    with pytest.raises(type(error)):
        entry.run(["--debug", "list"])


@pytest.mark.parametrize(
    "words",
    [["replay", "http://[::1"], ["data", "fetch", "mnist", "--data-dir", "~nosuchuser/x"],
     ["status", "x", "--storage", "."], ["launch", "x" * 300 + ".toml"],
     ["launch", "cifar10", "--set", "training.optimizer=['sgd','adam']"]],
    ids=lambda words: words[-1][:20],
)  # fmt: skip
def test_a_slip_is_named_and_nothing_written(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    assert entry.run(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("studyhall: ")
    assert entry.UNEXPLAINED not in said
    assert list(tmp_path.iterdir()) == []
