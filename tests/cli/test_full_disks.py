"""Disks that are full, limited or read-only in mid-study: it stops or waits, and resumes."""

from __future__ import annotations

import resource
from contextlib import ExitStack, nullcontext

import pytest

from studyhall.search.common.errors import remedy
from studyhall.search.sync.outbox import Outbox
from tests.cli.hardships import full, limited, may_mount, read_only, small_disk, started_humbly
from tests.cli.record import answers, child_runs
from tests.cli.watching import ended, finished, left_over
from tests.cli.workspace import Workspace
from tests.mlflow_database import sqlite
from tests.search.small_trials import store_trial
from tests.search.tracked import is_whole, open_tracker, sending
from tests.waiting import PATIENCE, wait_for

MOUNTING = may_mount()
REMEDIES = {
    read_only: "; make it accessible, then launch again: ",
}
if MOUNTING:
    REMEDIES[full] = "; make room, then launch again: "
else:  # the limit on files stands for the full disk
    REMEDIES[limited] = "; raise the limit on the size of files, then launch again: "

FULL = "database or disk is full"


@pytest.fixture
def disk(tmp_path):
    """A folder that is a disk of its own where that can be."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder) if MOUNTING else nullcontext():
        yield folder


@pytest.mark.long
@pytest.mark.parametrize("hardship", REMEDIES)
def test_a_study_without_room_stops_with_what_to_do_and_resumes(
    workspace, launches, disk, undisturbed, hardship
):
    where = Workspace(disk)
    where.write((workspace.folder / "small.toml").read_text())
    process = launches.start("--jobs", 2, cwd=disk, preexec_fn=started_humbly)
    wait_for(lambda: finished(where) >= 1)
    with hardship(disk, process):
        stderr = ended(process, 1)
    [sentence] = [line for line in stderr.splitlines() if line.startswith("studyhall: ")]
    assert REMEDIES[hardship] in sentence
    assert str(disk) in sentence
    assert "Traceback" not in stderr
    where.run("launch", "small.toml", "--jobs", 2)
    assert answers(where, "small") == undisturbed
    assert not left_over(where)


def test_a_limit_on_the_size_of_files_has_a_remedy_of_its_own(tmp_path):
    own = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, own[1]))
    try:
        with pytest.raises(OSError) as refused:
            (tmp_path / "file").write_bytes(bytes(8192))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, own)
    assert remedy(refused.value) == "raise the limit on the size of files"


@pytest.mark.long
@pytest.mark.parametrize("hardship", [full if full in REMEDIES else read_only])
def test_training_goes_on_while_mlflow_has_no_room(
    workspace, launches, disk, undisturbed, hardship
):
    mlflow = Workspace(disk)  # its database is there, and all else with the study
    options = ("--jobs", 2, "--tracking-uri", mlflow.tracking_uri)
    log = workspace.folder / "stderr"
    with log.open("w") as stderr:
        process = launches.start(*options, preexec_fn=started_humbly, stderr=stderr)
    wait_for(lambda: finished(workspace) >= 1)
    with hardship(disk, process):
        wait_for(lambda: finished(workspace) == 6 and "training continues" in log.read_text())
    ended(process)
    assert "MLflow is available again; " in log.read_text()
    assert answers(mlflow, "small") == undisturbed
    assert [run.info.status for run in child_runs(mlflow, "small", "study")] == ["FINISHED"]
    assert not list(workspace.folder.glob(".studyhall/*/*trial*"))


if MOUNTING:

    @pytest.mark.long
    def test_a_full_disk_of_mlflow_is_an_outage_and_no_fault_of_a_record(disk, tmp_path):
        tracker, outbox = open_tracker(sqlite(disk), "full"), Outbox(tmp_path / "outbox")
        records, told = [store_trial(outbox, number) for number in (0, 1)], list[str]()
        with ExitStack() as hardship:
            hardship.enter_context(full(disk))
            with sending(tracker, outbox, notify=told.append) as uploader:
                unsent = uploader.drain(8.0)  # it has tried for the third time by then
                assert {(one.reason, one.final) for one in unsent} == {(FULL, False)}
                hardship.close()
                assert uploader.drain(PATIENCE) == []
        away = f"MLflow is unavailable ({FULL}): training continues, records are kept for later"
        assert told == [away, "MLflow is available again; 2 records uploaded"]
        assert is_whole(tracker, records)
