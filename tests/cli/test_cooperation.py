"""Several launches of one study at once: they divide its trials, and outlive each other."""

from __future__ import annotations

import os
import signal

import pytest

from tests.cli.record import answers, child_runs, client_of
from tests.cli.watching import attempts, claims, ended, left_over, process_of, under_way
from tests.cli.workspace import Workspace
from tests.waiting import wait_for


def versions(workspace: Workspace) -> list[str]:
    return [str(v.version) for v in client_of(workspace).search_model_versions("name='small'")]


def require_whole(workspace: Workspace, undisturbed) -> None:
    assert answers(workspace, "small") == undisturbed
    assert [r.info.status for r in child_runs(workspace, "small", "study")] == ["FINISHED"]
    assert versions(workspace) == ["1"]
    assert not left_over(workspace)


@pytest.mark.parametrize("workspace", ["database"], indirect=True)
def test_two_launches_divide_the_trials(workspace, launches, undisturbed):
    first = launches.start("--jobs", 1)  # in an empty folder, where both make what is missing
    second = launches.start("--jobs", 2)
    for process in (first, second):
        assert "[6/6]" in ended(process)  # each tells of all trials
    assert set(attempts(workspace).values()) == {1}
    require_whole(workspace, undisturbed)


@pytest.mark.long
def test_a_launch_goes_on_when_the_other_is_killed(workspace, launches, undisturbed):
    """Both began in an empty folder, so that they have made one journal there and not two."""
    victim, survivor = launches.start("--jobs", 1), launches.start("--jobs", 1)
    wait_for(lambda: victim.pid in map(process_of, under_way(workspace).values()))
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    ended(survivor)
    assert not claims(workspace)
    assert sorted(attempts(workspace).values())[-2:] == [1, 2]
    require_whole(workspace, undisturbed)
