"""Operations of many writes, killed between two of them: the next command completes each."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall import judge, launch
from studyhall.search.common.atomic_files import temporary_name
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.evaluation.champion import champion
from studyhall.search.runner.finals import train_finalists
from studyhall.search.runner.launcher import prepare
from studyhall.search.study.observer import Observer
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_studies
from studyhall.search.sync.doctor import examine
from studyhall.search.sync.retention import clean_up
from studyhall.search.tracking import stored_runs
from tests.killed import KilledError, in_child
from tests.search.moons import Moons

FINALISTS = {"configurations": 1, "seeds": 1}
TRIES = 3  # kills for each operation, at writes that are drawn


def spec(moons: Moons, trials: int = 2) -> StudySpec:
    return moons.spec(FINALISTS, trials=trials)


def begin(moons: Moons) -> None:
    launch(spec(moons), moons.options(preflight=False))


def start_over(moons: Moons) -> None:
    prepare(spec(moons), moons.options(preflight=False, fresh=True), Observer())


def extend(moons: Moons) -> None:
    launch(spec(moons, trials=3), moons.options(preflight=False))


def extend_finalists(moons: Moons) -> None:
    train_finalists("moons", 1, 2, moons.options())


def register(moons: Moons) -> None:
    with suppress(Exception):  # it is gone after the first time
        if not moons.client.search_model_versions("name='moons'"):
            moons.client.delete_registered_model("moons")
    begin(moons)


def evaluate(moons: Moons) -> None:
    judge("moons", moons.tracking_uri)


def delete(moons: Moons) -> None:
    stored_runs.subprocess.run = gc_here  # in the child, so that it is killed between its writes
    clean_up(None, moons.options(), keep_weights=1, remove=True)


def gc_here(command: list[str], env: dict[str, str], **_: Any) -> Any:
    with warnings.catch_warnings(action="ignore"):
        from mlflow.cli import gc

    os.environ.update(env)
    gc.main(command[command.index("gc") + 1 :], standalone_mode=False)
    return stored_runs.subprocess.CompletedProcess(command, 0)


def fix(moons: Moons) -> None:
    examine("moons", moons.options(), fix=True)


def unregister(moons: Moons) -> None:
    moons.client.delete_registered_model("moons")


def litter(moons: Moons) -> None:
    """Leave what can be deleted: a second run of a trial, deleted, and an outbox of no study."""
    first = moons.runs()[0]
    tags = {k: v for k, v in first.data.tags.items() if k.startswith("studyhall.")}
    second = moons.client.create_run(first.info.experiment_id, tags=tags)
    moons.client.log_text(second.info.run_id, "text", "file.txt")
    moons.client.set_terminated(second.info.run_id)
    moons.client.delete_run(second.info.run_id)
    outbox = moons.folder / ".studyhall" / uuid.UUID(int=7).hex
    for folder in (outbox, temporary_name(outbox)):  # and one that a dead process half deleted
        (folder / "folder").mkdir(parents=True)


def damage(moons: Moons) -> None:
    """Spoil a file of one trial and the value of another, and delete the run of a third."""
    spoiled, wrong, gone = sorted(moons.runs(), key=lambda run: run.info.start_time)
    path = Path(spoiled.info.artifact_uri.removeprefix("file://")) / "settings.json"
    path.write_text("{}")
    moons.client.set_tag(wrong.info.run_id, "studyhall.state", "failed")
    moons.client.delete_run(gone.info.run_id)


Step = Callable[[Moons], None]
# What happens before, the operation, and the command after it.
OPERATIONS: dict[str, tuple[Step | None, Step, Step]] = {
    "start over": (None, start_over, begin),
    "extend": (None, extend, extend),
    "extend finalists": (None, extend_finalists, extend_finalists),
    "register": (unregister, begin, begin),
    "evaluate": (None, evaluate, begin),
    "delete": (litter, delete, delete),
    "fix": (damage, fix, fix),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moons]:
    """A finished study in a folder that is put back between the tests."""
    moons = Moons(tmp_path_factory.mktemp("killed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(moons.folder)
        moons.tracking_uri  # noqa: B018
        in_child(lambda: begin(moons))
        yield moons


def put_back(folder: Path, kept: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(kept, folder, dirs_exist_ok=True)


def require_whole(moons: Moons) -> None:
    """Nothing is lost, left over, or half done."""
    storage = read_storage(moons.storage)
    studies = recorded_studies(storage)
    assert len(studies) == len(storage.get_all_studies())
    for study in studies:
        if study.search_id is None:
            assert examine(study.spec.study.name, moons.options()).found == ()
    for kind in ("trial", "study", "evaluation", "reproduction"):
        assert not [run for run in moons.runs(kind) if run.info.status == "RUNNING"]
    own = moons.runs("study")
    ids = [run.data.tags["studyhall.study_id"] for run in own]
    assert sorted(ids) == sorted(study.study_id for study in studies)
    assert all(len(run.inputs.dataset_inputs) == 1 for run in own)
    assert champion("moons", moons.tracking_uri).selected_by == "finalists"
    assert not list((moons.folder / ".studyhall").rglob(".*~*"))
    assert not list(moons.folder.glob(".*~*"))


@pytest.mark.long
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_killed_between_two_writes_is_completed_by_the_next_command(
    finished, tmp_path, name
):
    before, operation, after = OPERATIONS[name]
    kept = tmp_path / "kept"
    untouched = tmp_path / "untouched"
    shutil.copytree(finished.folder, untouched)
    if before:
        in_child(lambda: before(finished))
    shutil.copytree(finished.folder, kept)
    writes = in_child(lambda: operation(finished), count=True)
    drawn = np.random.default_rng(len(name)).choice(writes, min(TRIES, writes), replace=False)
    try:
        for write in sorted(int(one) + 1 for one in drawn):
            put_back(finished.folder, kept)
            with pytest.raises(KilledError):
                in_child(lambda: operation(finished), write)
            in_child(lambda: after(finished))
            in_child(lambda: require_whole(finished))
    finally:
        put_back(finished.folder, untouched)
