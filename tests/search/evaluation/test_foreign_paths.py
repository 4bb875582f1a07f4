"""A path that comes from a shared store is not read: it could name any folder of this machine."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from studyhall import StudyhallError, StudySpec, UsageError, judge, replay_runs
from studyhall.search.common.manifest import MANIFEST, manifest
from studyhall.search.tracking.tracker import ARTIFACTS_TAG
from tests.mlflow_database import files_of
from tests.search.moons import SPEC, Moons


@pytest.fixture
def planted(tmp_path, monkeypatch) -> Moons:
    """A study of own data whose settings in MLflow name a private folder, checksums and all."""
    moons, secret = Moons(tmp_path), tmp_path / "private" / "diary"
    monkeypatch.setenv("STUDYHALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STUDYHALL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    generator, labels = np.random.default_rng(0), np.arange(60) % 2
    points = generator.normal(size=(60, 4)) + 4 * labels[:, None]
    np.savez(tmp_path / "own.npz", images=points, labels=np.array(["low", "high"])[labels])
    study = {**SPEC["study"], "trials": 1}
    data = {"name": "own", "path": str(tmp_path / "own.npz")}
    moons.run(StudySpec.model_validate({**SPEC, "study": study, "data": data}))
    secret.mkdir(parents=True)
    (secret / "tuesday.txt").write_text("dear diary")
    run = moons.client.get_run(moons.champion.run_id)
    folder = files_of(run)
    settings = json.loads((folder / "settings.json").read_text())
    settings["data"]["path"] = str(secret.parent)
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / MANIFEST).write_bytes(manifest(folder))
    sums = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    moons.client.set_tag(run.info.run_id, ARTIFACTS_TAG, sums)
    return moons


def used(moons: Moons) -> None:
    judge("moons", moons.tracking_uri)
    (replay,) = replay_runs([moons.champion.run_id], moons.tracking_uri)
    assert replay.identical


def test_ones_own_study_needs_no_option(planted):
    shutil.rmtree(planted.folder / "cache")
    used(planted)


def test_elsewhere_the_cache_or_an_option_is_asked_and_the_path_is_not_read(
    planted, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    used(planted)
    shutil.rmtree(tmp_path / "cache")
    for use in (
        lambda: judge("moons", planted.tracking_uri),
        lambda: replay_runs([planted.champion.run_id], planted.tracking_uri),
    ):
        with pytest.raises(UsageError, match="name their folder or file with --data-dir") as told:
            use()
        assert "private" not in str(told.value)
        assert "tuesday" not in str(told.value)
    assert judge("moons", planted.tracking_uri, tmp_path / "own.npz").evaluation.examples == 12


def test_settings_that_the_study_did_not_record_are_refused(planted):
    run = planted.client.get_run(planted.champion.run_id)
    folder = files_of(run)
    settings = json.loads((folder / "settings.json").read_text())
    settings["data"]["test"] = 3
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / MANIFEST).write_bytes(manifest(folder))
    sums = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    planted.client.set_tag(run.info.run_id, ARTIFACTS_TAG, sums)
    with pytest.raises(StudyhallError, match="its settings must be those that the study recorded"):
        judge("moons", planted.tracking_uri)
