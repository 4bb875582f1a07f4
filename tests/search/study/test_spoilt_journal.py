"""A journal with spoilt lines: named, and mended by the doctor without losing what was computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from studyhall import StudyhallError, TrialResult, UsageError
from studyhall.search.study.storage import mend_storage, open_storage, read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.sync.doctor import examine
from tests.search.moons import Moons

Spoil = Callable[[bytes, np.random.Generator], bytes]


@pytest.fixture(scope="module")
def moons(tmp_path_factory) -> Iterator[Moons]:
    """A study of four trials, and its finalists; not to be changed."""
    folder = tmp_path_factory.mktemp("moons")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study = Moons(folder)
        study.launch({"configurations": 1, "seeds": 1}, study={"trials": 4})
        yield study


@pytest.fixture
def journal(moons, tmp_path) -> Path:
    """A copy of its journal."""
    path = tmp_path / "journal"
    path.write_bytes(moons.storage.read_bytes())
    return path


def spoil(path: Path, number: int, change: Callable[[bytes], bytes]) -> None:
    """Change a line, counted from 1."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1])
    path.write_bytes(b"".join(lines))


def results(path: Path, name: str = "moons") -> list[TrialResult]:
    study = recorded_study(read_storage(path), name)
    assert study is not None
    return study.results()


def test_a_spoilt_line_is_named_with_the_command_that_sets_it_aside(journal):
    spoil(journal, 7, lambda line: b"?" + line)
    for opened in (read_storage, open_storage):
        with pytest.raises(UsageError) as caught:
            opened(journal)
        assert str(caught.value).startswith(
            f"--storage: {journal}: line 7 must be a record of a study, got '?{{"
        )
        assert str(caught.value).endswith(
            "run `studyhall doctor` with the name of a study and --fix, which sets it aside and "
            "keeps a copy of the file"
        )


def test_a_spoilt_last_line_is_named_before_anything_is_appended(journal):
    with journal.open("ab") as file:
        file.write(b"no record\n")
    with pytest.raises(UsageError, match="must be a record of a study, got 'no record'"):
        open_storage(journal)


def test_a_line_that_is_spoilt_while_the_journal_is_open_is_named(journal):
    storage = open_storage(journal)
    with journal.open("ab") as file:
        file.write(b"no record\n5\n")
    with pytest.raises(UsageError, match="must be a record of a study, got 'no record'"):
        storage.get_all_studies()


def test_a_record_behind_half_a_line_is_kept(journal, moons):
    whole = results(journal)
    number = len(journal.read_bytes().splitlines()) // 2
    spoil(journal, number, lambda line: b'{"op_code":8,"worker_id":"dead","tri' + line)
    assert len(mend_storage(journal)) == 1
    assert results(journal) == whole


SPOILING: dict[str, Spoil] = {
    "cut": lambda line, generator: line[: generator.integers(1, len(line) - 1)] + b"\n",
    "zeros": lambda line, _: bytes(len(line) - 1) + b"\n",
    "a wrong quote": lambda line, _: line.replace(b'"', b"'", 1),
    "another operation": lambda line, _: line.replace(b'"op_code":', b'"op_code":9', 1),
}


@pytest.mark.long
@pytest.mark.parametrize("way", SPOILING)
def test_any_line_can_be_spoilt_and_no_trial_takes_the_place_of_another(moons, tmp_path, way):
    generator = np.random.default_rng(5)
    lines = moons.storage.read_bytes().splitlines()
    whole = {name: results(moons.storage, name) for name in ("moons", "moons.finalists")}
    path = tmp_path / "journal"
    for number in range(1, len(lines) + 1):
        path.write_bytes(moons.storage.read_bytes())
        spoil(path, number, lambda line: SPOILING[way](line, generator))
        before = path.read_bytes()
        assert mend_storage(path), number
        (copy,) = tmp_path.glob("journal.spoilt-*")
        assert copy.read_bytes() == before
        copy.unlink()
        names = {study.study_name for study in read_storage(path).get_all_studies()}
        assert names == whole.keys()
        for name, expected in whole.items():
            if b'"studyhall.spec"' in lines[number - 1]:
                continue  # the next launch records it again
            found = results(path, name)
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                if one.finished:
                    assert (one.value, one.parameters) == (other.value, other.parameters)
        assert mend_storage(path) == []


def test_several_spoilt_lines_are_set_aside_together(journal):
    for number in (2, 9, 10, 20, 21, 22, 23):
        spoil(journal, number, lambda line: b"\0\n")
    with pytest.raises(UsageError, match="line 2, 9, 10, 20, 21 and 2 more must be"):
        read_storage(journal)
    assert mend_storage(journal)[0].startswith("line 2, 9, 10, 20, 21 and 2 more of journal was")
    assert len(read_storage(journal).get_all_studies()) == 2


def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing\nof a study\n")
    assert mend_storage(path) == []
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["notes.txt"]


def test_the_doctor_mends_a_journal_and_a_launch_has_the_same_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    moons = Moons(tmp_path)
    before = moons.launch(study={"trials": 3})
    lines = moons.storage.read_bytes().splitlines()
    ends = [n for n, line in enumerate(lines, start=1) if line.startswith(b'{"op_code":6')]
    spoil(moons.storage, ends[1], lambda line: b"\0" * 20 + b"\n")
    with pytest.raises(UsageError, match=f"line {ends[1]} must be a record"):
        moons.summary()
    examination = examine("moons", moons.options(), fix=True)
    assert examination.repairs.done[0] == (
        f"line {ends[1]} of studyhall.journal was spoilt; studyhall.journal.spoilt-1 is the file "
        "as it was"
    )
    after = moons.launch(study={"trials": 3})
    assert after.complete == 3
    assert after.best == before.best
    assert examine("moons", moons.options()).healthy


@pytest.mark.parametrize("what", ["study_id", "spec", "data_fingerprint"])
def test_a_study_whose_identity_was_spoilt_keeps_its_trials(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    moons = Moons(tmp_path)
    before = moons.launch(study={"trials": 1})
    lines = moons.storage.read_bytes().splitlines()
    number = next(
        n for n, line in enumerate(lines, start=1) if f'"studyhall.{what}"'.encode() in line
    )
    spoil(moons.storage, number, lambda line: b"\0\n")
    mend_storage(moons.storage)
    if what == "spec":
        with pytest.raises(StudyhallError, match="its settings are missing in the storage"):
            moons.summary()
    else:
        assert examine("moons", moons.options(), fix=True).healthy
    assert moons.launch(study={"trials": 1}).best == before.best
    assert len(moons.runs()) == 1


def test_the_doctor_leaves_a_file_of_another_kind_as_it_is(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff\nabc\nend")
    assert mend_storage(photo) == []
    assert photo.read_bytes() == b"\xff\xd8\xff\nabc\nend"
    assert [*tmp_path.iterdir()] == [photo]


def test_a_spoilt_line_with_a_carriage_return_is_one_line(journal):
    spoil(journal, 7, lambda line: b"?\r" + line)
    with pytest.raises(UsageError, match=": line 7 must be a record of a study, got '\\?"):
        read_storage(journal)
    assert mend_storage(journal)[0].startswith("line 7 of journal was spoilt; ")
