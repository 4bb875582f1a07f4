"""Which study an experiment or a registered model of MLflow's belongs to, told by its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import UsageError
from studyhall.search.common.identity import Identity
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.study_runs import (
    LAUNCHED_BY,
    STUDY_ID,
    find_run,
    own_run,
    search_runs,
)

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import RegisteredModel
    from mlflow.tracking import MlflowClient

ALIAS = "champion"
DESCRIPTION = "The best network of study {}."
_OTHER_NAME = "run yours under another name with --name"


@dataclass(frozen=True)
class Owner:
    """The study that something in MLflow belongs to; its own run, if that is there."""

    study_id: str
    run: Run | None = None

    def __str__(self) -> str:
        words = f"another study, of id {self.study_id[:12]}"
        if self.run:
            day = datetime.fromtimestamp(int(self.run.info.start_time) / 1000, UTC).date()
            words += f", begun on {day}"
            if who := self.run.data.tags.get(LAUNCHED_BY):
                words += f" by {who}"
        return words


def require_own(client: MlflowClient, identity: Identity) -> None:
    """Refuse, before any work, to record a study under names that belong to another one.

    Raises:
        UsageError: The experiment or the registered model of its name is another study's or
            another program's.
        StudyhallError: MLflow does not answer.
    """
    if owner := _owner_of_experiment(client, identity):
        raise UsageError(
            f"{identity.name}: the experiment {identity.experiment or identity.name} at "
            f"{redact(client.tracking_uri)} belongs to {owner}; {_OTHER_NAME}, or name that "
            "study's storage with --storage"
        )
    if own_model(client, identity) is None and (named := _model(client, identity.name)):
        _require_known(client, named, identity)


def _owner_of_experiment(client: MlflowClient, identity: Identity) -> Owner | None:
    """Another study that has this one's experiment; None if that is its own, or free."""
    name = identity.experiment or identity.name
    if identity.study_id and own_run(client, name, identity.study_id):
        return None
    with explained(f"experiment {name}"):
        experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return None
    wanted = "tags.`studyhall.kind` = 'study'"
    found = search_runs(client, str(experiment.experiment_id), wanted, deleted=True)
    if any(run.data.tags.get(STUDY_ID) in identity.names for run in found):
        return None
    searches = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    return next((Owner(run.data.tags.get(STUDY_ID, "unknown"), run) for run in searches), None)


def own_model(client: MlflowClient, identity: Identity) -> RegisteredModel | None:
    """The registered model of a study, whatever its name is now; None if there is none.

    Models from before they were tagged with their study's id have the study's name, or that of its
    experiment, and are told by the runs of their versions.
    """
    if identity.study_id is None:
        return None
    with explained(f"model {identity.name}"):
        tagged = client.search_registered_models(f"tags.`{STUDY_ID}` = '{identity.study_id}'")
    if tagged:
        return tagged[0]
    for name in dict.fromkeys((identity.name, identity.experiment)):
        model = _model(client, name)
        owner = owner_of(client, model, identity) if model else None
        if owner and owner.study_id == identity.study_id:
            return model
    return None


def owner_of(client: MlflowClient, model: RegisteredModel, identity: Identity) -> Owner | None:
    """The study that a registered model belongs to; None if another program registered it."""
    if tagged := model.tags.get(STUDY_ID):
        return Owner(tagged, own_run(client, identity.experiment, tagged))
    with explained(f"model {model.name}"):
        versions = list(client.search_model_versions(f"name='{model.name}'"))
    champion = str(model.aliases.get(ALIAS))
    versions.sort(key=lambda one: (str(one.version) != champion, -int(one.version)))
    for version in versions:
        run = find_run(client, version.run_id) if version.run_id else None
        if run:
            return search_of(client, run, identity)
    if model.description == DESCRIPTION.format(identity.name) and identity.study_id:
        return Owner(identity.study_id)  # a launch was killed before it registered a version
    return None


def champion_model(client: MlflowClient, identity: Identity) -> tuple[RegisteredModel, Owner]:
    """The registered model that holds a study's champion, and the study that it belongs to.

    Raises:
        UsageError: There is none, or it belongs to another study.
    """
    name, model = identity.name, own_model(client, identity)
    if model and ALIAS in model.aliases:
        return model, Owner(str(identity.study_id))
    other = None if model else _model(client, name)
    if other is None or ALIAS not in other.aliases:
        raise UsageError(
            f"{name}: no champion is registered here; launch the study until a trial has completed"
        )
    owner = owner_of(client, other, identity)
    present = identity.names.get(owner.study_id) if owner else None
    if owner and identity.study_id is None and present is None:
        return other, owner
    whose = f"study {present}" if present else str(owner or "another program")
    raise UsageError(
        f"{name}: the registered model {name} at {redact(client.tracking_uri)} belongs to {whose}, "
        f"and no champion of {name} is registered; launch {name} until a trial has completed, or "
        f"name the storage of that study with --storage"
    )


def search_of(client: MlflowClient, run: Run, identity: Identity) -> Owner | None:
    """The search that a trial's run belongs to, also if it is a finalist's; None if to none."""
    while (study_id := run.data.tags.get(STUDY_ID)) not in identity.own:
        above = run.data.tags.get("mlflow.parentRunId")
        found = find_run(client, above) if above else None
        if found is None:
            return Owner(study_id, run) if study_id else None
        run = found
    return Owner(str(identity.study_id))


def claim_model(client: MlflowClient, identity: Identity) -> str:
    """Make sure that a study has a registered model with its id as a tag; return its name.

    A model that a study kept when it was set aside gets that study's present name.

    Raises:
        UsageError: Another study or another program has a registered model of that name.
        StudyhallError: MLflow does not take it.
    """
    study_id, name = str(identity.study_id), identity.name
    model = own_model(client, identity)
    if model is None:
        release_model(client, identity)
        if other := _model(client, name):
            _require_known(client, other, identity)
        with explained(f"model {name}"):
            tags, described = {STUDY_ID: study_id}, DESCRIPTION.format(name)
            return str(client.create_registered_model(name, tags, described).name)
    if STUDY_ID not in model.tags:
        with explained(f"model {name}"):
            client.set_registered_model_tag(model.name, STUDY_ID, study_id)
    return str(model.name)


def release_model(client: MlflowClient, identity: Identity) -> None:
    """Give the model of a study that was set aside that study's present name."""
    model = _model(client, identity.name)
    owner = owner_of(client, model, identity) if model else None
    if model is None or owner is None or owner.study_id in identity.own:
        return
    if (present := identity.names.get(owner.study_id)) in (None, identity.name):
        return
    with explained(f"model {model.name}"):
        if STUDY_ID not in model.tags:
            client.set_registered_model_tag(model.name, STUDY_ID, owner.study_id)
        if _model(client, present):  # another's, on which the launch would fail for ever
            present = f"{present}.{owner.study_id[:12]}"
        client.rename_registered_model(model.name, present)


def _require_known(client: MlflowClient, model: RegisteredModel, identity: Identity) -> None:
    """Refuse a registered model of the study's name unless this storage has its study."""
    owner = owner_of(client, model, identity)
    if owner and owner.study_id in {*identity.names, identity.study_id}:
        return
    raise UsageError(
        f"{identity.name}: the registered model {model.name} at {redact(client.tracking_uri)} "
        f"belongs to {owner or 'another program'}; {_OTHER_NAME}, or rename that model in MLflow"
    )


def _model(client: MlflowClient, name: str) -> RegisteredModel | None:
    """The registered model of a name; None also for a user who may not know of it."""
    with explained(f"model {name}"):
        return next(iter(client.search_registered_models(f"name = '{name}'")), None)
