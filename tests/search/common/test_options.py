"""What is given to a launch from Python, in the forms that people write it in."""

from __future__ import annotations

from pathlib import Path

from studyhall.search.common.options import Options


def test_folders_may_be_text(tmp_path: Path) -> None:
    asked = Options(folder=str(tmp_path), data_dir=str(tmp_path))
    assert asked.address == tmp_path / "studyhall.journal"
    assert asked.home == tmp_path / ".studyhall"


def test_a_journal_and_what_goes_with_it_are_beside_each_other(tmp_path: Path) -> None:
    elsewhere = Options(folder=tmp_path, storage=str(tmp_path / "kept" / "trials.journal"))
    assert elsewhere.home == tmp_path / "kept" / ".studyhall"
    database = Options(folder=str(tmp_path), storage="postgresql://localhost/studies")
    assert database.home == tmp_path / ".studyhall"
