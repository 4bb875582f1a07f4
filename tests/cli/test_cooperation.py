"""Several launches of one study at once: they divide its trials, and outlive each other."""

from __future__ import annotations

import os
import signal

import pytest

from tests.cli.record import answers, child_runs, client_of
from tests.cli.watching import (
    attempts,
    claims,
    ended,
    finished,
    left_over,
    process_of,
    under_way,
    wait_for,
)
from tests.cli.workspace import Workspace


def versions(workspace: Workspace) -> list[str]:
    return [str(v.version) for v in client_of(workspace).search_model_versions("name='small'")]


def require_whole(workspace: Workspace, undisturbed) -> None:
    assert answers(workspace, "small") == undisturbed
    assert [r.info.status for r in child_runs(workspace, "small", "study")] == ["FINISHED"]
    assert versions(workspace) == ["1"]
    assert not left_over(workspace)


@pytest.mark.parametrize(
    ("workspace", "head_start"),
    [("journal", 1), ("database", 0)],
    indirect=["workspace"],
)
def test_two_launches_divide_the_trials(workspace, launches, undisturbed, head_start):
    first = launches.start("--jobs", 1)  # in an empty folder, where both make what is missing
    wait_for(lambda: head_start == 0 or finished(workspace) >= head_start)
    second = launches.start("--jobs", 2)
    for process in (first, second):
        assert "[6/6]" in ended(process)  # each tells of all trials
    assert set(attempts(workspace).values()) == {1}
    require_whole(workspace, undisturbed)


@pytest.mark.parametrize(
    ("workspace", "killed"), [("journal", 0), ("database", 1)], indirect=["workspace"]
)
def test_a_launch_goes_on_when_the_other_is_killed(workspace, launches, undisturbed, killed):
    pair = [launches.start("--jobs", 1), launches.start("--jobs", 1)]
    victim, survivor = pair[killed], pair[1 - killed]
    wait_for(lambda: victim.pid in map(process_of, under_way(workspace).values()))
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    ended(survivor)
    assert not claims(workspace)
    assert sorted(attempts(workspace).values())[-2:] == [1, 2]
    require_whole(workspace, undisturbed)
