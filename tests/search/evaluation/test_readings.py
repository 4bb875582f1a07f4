"""A reading of the test split has a result, whatever the classes are called and whatever fails."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from studyhall import StudyhallError, StudySpec, judge
from studyhall.search.evaluation import verdict
from studyhall.search.evaluation.verdict import recorded_ledger
from studyhall.search.tracking.ledger import Entry
from tests.search.moons import SPEC, Moons

NAMES = [r"$\frac$ $x", "檸檬" * 200, "\x1b[31m\nred", "🍋"]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Moons:
    """A study of pictures of noise: the champion makes mistakes, which are drawn."""
    moons = Moons(tmp_path_factory.mktemp("odd"))
    generator, labels = np.random.default_rng(0), np.arange(120) % len(NAMES)
    images = generator.integers(0, 255, (120, 8, 8, 3), np.uint8)
    np.savez(moons.folder / "odd.npz", images=images, labels=np.array(NAMES)[labels])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDYHALL_CACHE", str(moons.folder / "cache"))
        patch.chdir(moons.folder)
        study = {**SPEC["study"], "trials": 1}
        data = {"name": "odd", "path": str(moons.folder / "odd.npz")}
        table = {**SPEC, "study": study, "data": data}
        moons.run(StudySpec.model_validate(table), preflight=False)
    return moons


@pytest.fixture
def odd(launched: Moons, monkeypatch: pytest.MonkeyPatch) -> Moons:
    monkeypatch.setenv("STUDYHALL_CACHE", str(launched.folder / "cache"))
    monkeypatch.chdir(launched.folder)
    return launched


@pytest.mark.usefixtures("drawn")
def test_classes_may_have_any_name(odd, recwarn):
    found = judge("moons", odd.tracking_uri)
    run = odd.client.get_run(found.run_id)
    assert run.info.status == "FINISHED"
    by_class = [name for name in run.data.metrics if name.startswith("test_accuracy_of_")]
    assert len(by_class) == len(NAMES)
    files = {file.path for file in odd.client.list_artifacts(found.run_id)}
    assert {"evaluation.json", "confusion_matrix.png", "mistakes.png"} <= files
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


@pytest.mark.parametrize("failing", ["record", "files", "upload"])
def test_a_result_that_cannot_be_recorded_whole_is_told(odd, monkeypatch, failing):
    def fail(*_: object) -> None:
        if failing == "files":
            raise OSError(errno.ENOSPC, "No space left on device")
        raise StudyhallError("MLflow is away")

    where = {"record": (Entry, "record"), "files": (verdict, "_write_files")}
    monkeypatch.setattr(*where.get(failing, (Entry, "complete")), fail)
    with pytest.raises(StudyhallError, match=r"^moons: the test accuracy is 0\.\d{4} on 24 ex"):
        judge("moons", odd.tracking_uri)
    entry = recorded_ledger("moons", odd.storage, odd.tracking_uri).own[-1]
    assert (entry.accuracy is None) == (failing == "record")


def test_other_classes_are_found_before_the_split_is_read(odd, monkeypatch):
    before = recorded_ledger("moons", odd.storage, odd.tracking_uri)
    read = verdict.champion

    def renamed(*where: object) -> object:
        found = read(*where)
        object.__setattr__(found.classifier, "classes", ("a", "b"))
        return found

    monkeypatch.setattr(verdict, "champion", renamed)
    with pytest.raises(StudyhallError, match=r"^odd: the classes must be those of the data, "):
        judge("moons", odd.tracking_uri)
    assert recorded_ledger("moons", odd.storage, odd.tracking_uri) == before
