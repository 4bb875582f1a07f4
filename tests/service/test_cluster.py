"""Studies on a Dask cluster: the same answer, and nothing lost, whatever host or link is."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import closing

import pytest

from studyhall import launch
from studyhall.search.common.addresses import without_password
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.runner.detaching import detach
from studyhall.search.runner.launcher import prepare
from studyhall.search.runner.service_check import check_service
from studyhall.search.runner.stopping import stop
from studyhall.search.study.recorded import recorded_summary
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_study
from studyhall.search.workers.cluster import Cluster
from studyhall.search.workers.dask_pool import DaskPool
from tests.gateway import Gateway
from tests.service.dask_cluster import DaskCluster, other_code
from tests.service.on_cluster import Told, launched, require_whole, run_of_study
from tests.waiting import wait_for


def test_a_cluster_answers_as_one_machine_does(study, undisturbed):
    told = Told()
    summary = launched(study, told)
    assert sorted(told.trials) == list(range(6))
    assert not told.notes
    assert summary.champion_version == "1"
    require_whole(study, undisturbed)
    looked_at = check_service(study.options())
    assert [part.name for part in looked_at] == ["database", "MLflow", "artifact store", "cluster"]
    assert all(part.healthy for part in looked_at)


def test_what_a_worker_says_is_told_apart_from_its_silence(cluster):
    found = Cluster(cluster.address)
    with closing(found):
        for error, asked in (
            (TimeoutError, lambda: found.ask(0.5, time.sleep, 5.0)),
            (FileNotFoundError, lambda: found.ask(5.0, os.stat, "no such file")),
        ):
            answers = asked()
            assert len(answers) == 2
            assert all(isinstance(said, error) for said in answers.values()), answers


def test_a_call_that_fails_by_a_time_limit_of_its_own_is_not_waited_for(study, monkeypatch):
    """What Dask raises when an answer takes long has the same type."""
    monkeypatch.setattr("studyhall.search.workers.dask_pool.on_host", out_of_time)
    tracked = prepare(study.long(), study.options(), Told()).tracked
    pool = DaskPool(tracked, study.options())
    with closing(pool), pytest.raises(StudyhallError, match=r"not train it again \(TimeoutError\)"):
        pool.restore(0)


def test_a_record_that_is_lost_is_restored_by_a_host_that_can(study, cluster):
    """Of three, two of which have other code: the good one is asked in the end."""
    launched(study)
    tracked = prepare(study.long(), study.options(), Told()).tracked
    unfit = [
        cluster.add(f"unfit-{number}", PYTHONPATH=str(other_code(cluster.folder / str(number))))
        for number in range(2)
    ]
    try:
        cluster.scheduler.wait_for_workers(4)
        for number in range(4):
            pool = DaskPool(tracked, study.options())
            with closing(pool):
                pool.restore(number)
            assert tracked.outbox.folder.joinpath(f"trial-{number:04}.1").is_dir()
    finally:
        for host in unfit:
            host.lose()
            shutil.rmtree(host.folder)
    cluster.scheduler.wait_for_workers(2)


def out_of_time(*_: object) -> None:
    raise TimeoutError


def test_what_a_lost_host_had_not_sent_is_done_again(study, cluster, stack, undisturbed):
    gateway = Gateway(stack.mlflow.port)
    lost = cluster.add("lost", MLFLOW_TRACKING_URI=gateway.address)
    cluster.scheduler.wait_for_workers(3)
    gateway.close()

    def has_unsent() -> bool:
        waiting = (int(path.name[6:10]) for path in lost.folder.glob("home/*/trial-????.1"))
        recorded = recorded_study(read_storage(study.storage), study.name)
        finished = {outcome.number for outcome in recorded.finished()} if recorded else set()
        return not finished.isdisjoint(waiting)

    def lose_it() -> None:
        wait_for(has_unsent)
        lost.lose()

    told = Told(lambda: threading.Thread(target=lose_it).start())
    launched(study, told)
    gateway.remove()
    assert [note for note in told.notes if "trained it again and recorded its run" in note]
    require_whole(study, undisturbed)
    shutil.rmtree(lost.folder)


def test_what_hosts_of_an_earlier_launch_had_not_sent_is_done_again(study, undisturbed):
    launched(study)
    experiment = study.client.get_experiment_by_name(study.name).experiment_id
    for number in (1, 2):  # more than the next launch finishes trials of its own
        [run] = study.client.search_runs([experiment], f"tags.`studyhall.trial` = '{number}'")
        for tag in ("studyhall.kind", "studyhall.study_id"):
            study.client.set_tag(run.info.run_id, tag, "never sent")
    launched(study, told := Told())
    assert sum("trained it again and recorded its run" in note for note in told.notes) == 2
    require_whole(study, undisturbed)


def test_who_is_asked_to_stop_finishes_what_runs_and_goes_on_later(study, undisturbed):
    told = Told(lambda: stop(study.name, study.options()))
    summary = launched(study, told)
    assert summary.interrupted
    assert 0 < summary.finished < 6
    assert not launched(study).interrupted
    require_whole(study, undisturbed)


def test_who_waits_for_workers_says_so_and_can_be_stopped(study, stack, tmp_path_factory):
    alone = DaskCluster(tmp_path_factory.mktemp("alone"), stack.environment, hosts=1)
    told = Told(lambda: alone.hosts[0].lose())

    def stop_it() -> None:
        wait_for(lambda: "the cluster has no workers; waiting for some" in told.notes)
        stop(study.name, study.options())

    asking = threading.Thread(target=stop_it)
    asking.start()
    summary = launch(study.long(), study.options(cluster=alone.address), told)
    asking.join()
    assert summary.interrupted
    assert summary.finished < 6
    alone.end()


def test_a_launch_that_was_left_to_the_cluster_outlives_the_worker_that_runs_it(
    study, cluster, undisturbed
):
    assert detach(study.long(), study.options(), Told()).finished == 0
    wait_for(lambda: recorded_summary(study.name, study.storage).finished)
    cluster.kill_who_has("studyhall-launch-")
    wait_for(lambda: study.client.search_model_versions(f"name='{study.name}'"))
    wait_for(lambda: run_of_study(study).info.status == "FINISHED")
    require_whole(study, undisturbed)
    cluster.scheduler.wait_for_workers(2)


def test_a_launch_that_moves_while_mlflow_is_away_waits_for_it(study, stack, cluster, undisturbed):
    detach(study.long(), study.options(), Told())
    wait_for(lambda: recorded_summary(study.name, study.storage).finished)
    stack.mlflow.kill()
    cluster.kill_who_has("studyhall-launch-")
    wait_for(lambda: recorded_summary(study.name, study.storage).trouble)
    stack.mlflow.start()
    wait_for(lambda: run_of_study(study).info.status == "FINISHED")
    assert recorded_summary(study.name, study.storage).trouble is None
    require_whole(study, undisturbed)
    cluster.scheduler.wait_for_workers(2)


def test_a_launch_that_was_left_to_the_cluster_is_passed_on_where_it_cannot_be_run(
    study, stack, tmp_path_factory, undisturbed
):
    """The hosts that cannot join later: those that are there are looked at before it is left."""
    folder = tmp_path_factory.mktemp("passed_on")
    own = DaskCluster(folder, stack.environment, hosts=1)
    try:
        detach(study.long(), study.options(cluster=own.address), Told())
        wait_for(lambda: recorded_summary(study.name, study.storage).finished)
        own.hosts[0].lose()
        others = {
            "its code is not that of the launch": own.add(
                "other_code", PYTHONPATH=str(other_code(folder))
            ),
            "no password supplied": own.add(
                "locked", STUDYHALL_STORAGE=without_password(study.storage)
            ),
        }
        own.hosts += others.values()
        logs = {why: host.folder / "worker.log" for why, host in others.items()}
        wait_for(lambda: all(why in log.read_text() for why, log in logs.items()))
        own.hosts.append(own.add("good"))
        wait_for(lambda: run_of_study(study).info.status == "FINISHED")
        assert recorded_summary(study.name, study.storage).trouble is None
        require_whole(study, undisturbed)
    finally:
        own.end()


def test_a_launch_that_was_left_to_the_cluster_stops_at_once_when_asked(study):
    detach(study.long(trials=500), study.options(), Told())
    with pytest.raises(UsageError, match="--detach: the cluster runs a launch of this study"):
        detach(study.long(trials=500), study.options(), Told())
    wait_for(lambda: recorded_summary(study.name, study.storage).finished)
    stop(study.name, study.options(), at_once=True)
    wait_for(lambda: run_of_study(study).info.status == "KILLED")
    wait_for(lambda: not recorded_summary(study.name, study.storage).at_work)
    assert recorded_summary(study.name, study.storage).finished < 500
