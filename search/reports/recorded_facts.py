"""Read the facts about a recorded study from the storage and MLflow; nothing is changed there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.identity import Identity
from studyhall.search.reports.study_facts import (
    ChampionFacts,
    EvaluationFacts,
    FinalistsFacts,
    StudyFacts,
    TrackedFacts,
)
from studyhall.search.study.recorded import open_recorded, summary_of
from studyhall.search.study.studies import identity_of, recorded_finalists
from studyhall.search.study.study import Study
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.ledger import GAP, read_ledger
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.registry import registered_champion
from studyhall.search.tracking.run_files import artifact_bytes
from studyhall.search.tracking.run_tags import RunTags
from studyhall.search.tracking.study_runs import (
    STUDY_ID,
    TEST_FINGERPRINT,
    StudyRun,
    TrackedData,
    deleted_experiment,
    find_study,
    search_runs,
)
from studyhall.search.tracking.tracked_run import TrackedRun, tracked_run

if TYPE_CHECKING:
    from studyhall.search.tracking.client import MlflowClient
    from studyhall.search.tracking.study_runs import Run

EVALUATION_IMAGES = ("confusion_matrix.png", "mistakes.png")


@dataclass(frozen=True)
class Recorded:
    """A recorded study and its facts; `place` is its run in MLflow, if it has one."""

    study: Study
    facts: StudyFacts
    place: tuple[MlflowClient, StudyRun] | None


def read_recorded(
    name: str, storage: Path | str | None = None, tracking_uri: str | None = None
) -> Recorded:
    """Read a recorded study, and what MLflow records of it.

    Args:
        name: The study.
        storage: The journal file or database with it; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: there is no such study, or its storage cannot be reached.
        StudyhallError: MLflow does not answer.
    """
    study = open_recorded(name, storage)
    place, finals = find_tracked(study, tracking_uri), recorded_finalists(study)
    identity = identity_of(study.storage, name)
    facts = StudyFacts(
        spec=study.spec,
        summary=summary_of(study),
        fingerprint=study.data_fingerprint or None,
        trials=study.begun(),
        tracked=_tracked_facts(*place, _champion(*place, identity), identity) if place else None,
        finalists=_finalists_facts(finals) if finals else None,
    )
    return Recorded(study, facts, place)


def _finalists_facts(finals: Study) -> FinalistsFacts | None:
    wanted = finals.spec.finalists
    if wanted is None:
        return None
    return FinalistsFacts(wanted.configurations, wanted.seeds, finals.begun())


def _champion(client: MlflowClient, run: StudyRun, identity: Identity) -> ChampionFacts | None:
    """The champion, if it is of this study, and not of an earlier one of the same name."""
    champion = registered_champion(client, identity)
    if champion is None:
        return None
    name, version = champion
    with explained(f"model {name}"):
        registered = client.get_model_version(name, version)
    run_id, by = str(registered.run_id), str(registered.tags.get("selected_by", "search"))
    for found in search_runs(client, run.experiment_id, f"attributes.run_id = '{run_id}'"):
        if found.data.tags.get(STUDY_ID) in identity.own:
            return ChampionFacts(version, run_id, by)
    return None


def _tracked_facts(
    client: MlflowClient, run: StudyRun, champion: ChampionFacts | None, identity: Identity
) -> TrackedFacts:
    with explained("the study's run"):
        tags = RunTags(run.run_id, client.get_run(run.run_id).data.tags)
    test = tags.get(TEST_FINGERPRINT)
    runs = trial_runs(client, run)
    return TrackedFacts(
        uri=redact(client.tracking_uri),
        experiment_id=run.experiment_id,
        run_id=run.run_id,
        runs=runs,
        environment=tags.environment(),
        blas_threads=tags.number("studyhall.blas_threads", "1"),
        evaluation=_evaluation(client, run, champion),
        ledger=read_ledger(
            client, run.experiment_id, run.data.fingerprint, test or "", identity.siblings
        ),
        champion=champion,
    )


def find_tracked(study: Study, tracking_uri: str | None) -> tuple[MlflowClient, StudyRun] | None:
    """MLflow's client and the run of a study; None if there is no run, or it was deleted.

    The data are not opened for it, so that their sizes and address are those of the study file.

    Raises:
        UsageError: MLflow cannot be reached at the address.
        StudyhallError: MLflow stops answering.
    """
    if missing_database(tracking_uri):
        return None  # opening it would create an empty database
    client, settings = open_client(tracking_uri), study.spec.data_settings
    data = TrackedData(
        settings.name, study.data_fingerprint, "", settings.train, settings.validation
    )
    found = find_study(client, study.experiment, study.study_id, data)
    if found and (gone := deleted_experiment(client, found[0].experiment_id)):
        raise StudyhallError(f"{study.spec.study.name}: {gone}")
    return None if found is None or found[1] else (client, found[0])


def trial_runs(client: MlflowClient, study: StudyRun) -> dict[int, TrackedRun]:
    """The ended run of each trial in MLflow, by number; the last one if a trial has several."""
    kind = "tags.`studyhall.kind` = 'trial' and attributes.status != 'RUNNING'"
    wanted = f"tags.`studyhall.study_id` = '{study.study_id}' and {kind}"
    found = search_runs(client, study.experiment_id, wanted)
    return {
        RunTags(run.info.run_id, run.data.tags).number("studyhall.trial"): tracked_run(run)
        for run in sorted(found, key=lambda run: int(run.info.start_time or 0))
    }


def _evaluation(
    client: MlflowClient, study: StudyRun, champion: ChampionFacts | None
) -> EvaluationFacts | None:
    """The last finished evaluation of the champion, or else of an earlier champion."""

    def rank(run: Run) -> tuple[bool, int]:
        evaluated = run.data.tags.get("studyhall.judged_version")
        return champion is not None and evaluated == champion.version, int(run.info.start_time or 0)

    kind = "tags.`studyhall.kind` = 'evaluation' and attributes.status = 'FINISHED'"
    wanted = f"{kind} and tags.`mlflow.parentRunId` = '{study.run_id}'"
    for run in sorted(search_runs(client, study.experiment_id, wanted), key=rank, reverse=True):
        if text := artifact_bytes(client, run.info.run_id, "evaluation.json"):
            return _evaluation_facts(client, run, json.loads(text))
    return None


def _evaluation_facts(client: MlflowClient, run: Run, found: dict[str, Any]) -> EvaluationFacts:
    tags, run_id = run.data.tags, str(run.info.run_id)
    with explained("the evaluation"):
        evaluated = client.get_run(tags["studyhall.judged_run"])
    images = {name: artifact_bytes(client, run_id, name) for name in EVALUATION_IMAGES}
    keys = ("index", "true", "predicted", "probability")
    mistakes = [tuple(one[key] for key in keys) for one in found.get("mistakes", ())]
    same = ("examples", "correct", "accuracy", "accuracy_by_class", "classes", "confusion")
    return EvaluationFacts(
        version=tags["studyhall.judged_version"],
        model=str(evaluated.info.run_name),
        run_id=run_id,
        when=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        interval=tuple(found["interval"]),
        gap=run.data.metrics.get(GAP),
        mistakes=mistakes,
        images={name: image for name, image in images.items() if image},
        **{name: found[name] for name in same},
    )
