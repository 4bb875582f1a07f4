"""Create, find, compare and set aside the studies of a storage."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import BaseStorage
from pydantic import ValidationError

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.config.study_spec import FINALISTS_ENDING, StudySpec, recorded_spec
from studyhall.search.study.study import DATA_FINGERPRINT, EXPERIMENT, SEARCH_ID, STUDY_ID, Study

_SPEC = "studyhall.spec"


@dataclass(frozen=True)
class Difference:
    """One key in which a study file and the study's record disagree."""

    key: str
    recorded: object
    given: object


def open_study(
    storage: BaseStorage, spec: StudySpec, fingerprint: str, search: Study | None = None
) -> Study:
    """Open a study to run it: the recorded one if it is unchanged, a new one if there is none.

    Args:
        storage: Where studies are recorded.
        spec: The study.
        fingerprint: That of its data.
        search: The search, if the study trains its finalists; their runs are below its run.

    Raises:
        UsageError: the study file or the data changed since the study's trials were run, or the
            storage holds another program's study of that name.
    """
    name = spec.study.name
    if name not in study_names(storage):
        direction = spec.study.direction
        optuna.create_study(study_name=name, storage=storage, direction=direction)
    study_id = storage.get_study_id_from_name(name)
    attributes = storage.get_study_user_attrs(study_id)
    if _SPEC not in attributes:
        if storage.get_all_trials(study_id, deepcopy=False):
            raise UsageError(f"{name}: another program's study has that name; choose one by --name")
        storage.set_study_user_attr(study_id, STUDY_ID, uuid.uuid4().hex)
        storage.set_study_user_attr(study_id, EXPERIMENT, search.experiment if search else name)
        if search:
            storage.set_study_user_attr(study_id, SEARCH_ID, search.study_id)
        storage.set_study_user_attr(study_id, DATA_FINGERPRINT, fingerprint)
    elif found := differences(attributes, spec, fingerprint):
        changes = ", ".join(f"{d.key} was {d.recorded!r} and is {d.given!r}" for d in found)
        raise UsageError(
            f"{name}: the study changed since its trials were run ({changes}); run it under "
            f"another name with --name, or set its trials aside with --fresh"
        )
    if attributes.get(_SPEC) != spec.model_dump_json():
        storage.set_study_user_attr(study_id, _SPEC, spec.model_dump_json())
    return Study(storage, spec)


def recorded_study(storage: BaseStorage, name: str) -> Study | None:
    """Open a study as it was recorded; None if there is none, or it is another program's."""
    if name not in study_names(storage):
        return None
    attributes = storage.get_study_user_attrs(storage.get_study_id_from_name(name))
    if _SPEC not in attributes:
        return None
    try:
        return Study(storage, recorded_spec(json.loads(attributes[_SPEC])))
    except ValidationError as error:
        problem = error.errors()[0]
        raise StudyhallError(
            f"{name}: the study was recorded by a version that this one cannot read "
            f"({'.'.join(map(str, problem['loc']))}: {problem['msg']})"
        ) from error


def recorded_studies(storage: BaseStorage) -> list[Study]:
    """Open all of this program's studies in a storage, sorted by name."""
    studies = (recorded_study(storage, name) for name in sorted(study_names(storage)))
    return [study for study in studies if study]


def finalists_name(search: str) -> str:
    """The name under which the finalists of a study are recorded."""
    return f"{search}{FINALISTS_ENDING}"


def recorded_finalists(search: Study) -> Study | None:
    """Open the study of a search's finalists as it was recorded; None if there is none."""
    study = recorded_study(search.storage, finalists_name(search.spec.study.name))
    return study if study and study.search_id == search.study_id else None


def study_names(storage: BaseStorage) -> list[str]:
    """The studies that the storage holds."""
    return [study.study_name for study in storage.get_all_studies()]


def study_ids(storage: BaseStorage) -> dict[str, str]:
    """The names of the storage's studies by their ids, which renaming does not change."""
    every = storage.get_all_studies()
    return {
        study.user_attrs[STUDY_ID]: study.study_name
        for study in every
        if STUDY_ID in study.user_attrs
    }


def set_aside(study: Study) -> str:
    """Rename a recorded study and its finalists', to free its name; return the new name."""
    name, names = study.spec.study.name, study_names(study.storage)
    aside = next(f"{name}.{n}" for n in range(1, len(names) + 2) if f"{name}.{n}" not in names)
    if own := recorded_finalists(study):  # first: a launch that is killed can resume
        _rename(own, finalists_name(aside), {"search": aside})
    _rename(study, aside, {})
    return aside


def _rename(study: Study, new: str, changes: Mapping[str, object]) -> None:
    """Give a recorded study another name, which must be free."""
    storage, name = study.storage, study.spec.study.name
    optuna.copy_study(
        from_study_name=name, from_storage=storage, to_storage=storage, to_study_name=new
    )
    renamed = study.spec.model_copy(
        update={**changes, "study": study.spec.study.model_copy(update={"name": new})}
    )
    storage.set_study_user_attr(
        storage.get_study_id_from_name(new), _SPEC, renamed.model_dump_json()
    )
    optuna.delete_study(study_name=name, storage=storage)


def differences(
    attributes: Mapping[str, Any], spec: StudySpec, fingerprint: str
) -> list[Difference]:
    """The keys that differ between a study and its record, except the numbers of trials."""
    recorded = _comparable(attributes[_SPEC], attributes.get(DATA_FINGERPRINT))
    return _differing(recorded, _comparable(spec.model_dump_json(), fingerprint))


def spec_differences(first: StudySpec, second: StudySpec) -> list[Difference]:
    """The keys, but for the name, in which two study files differ: the first's value, the second's.

    A key that a file leaves to its default is None. What finalists were given is left out.
    """
    one, other = (
        _flat(spec.model_dump(mode="json", exclude_none=True, exclude={"retrainings"}))
        for spec in (first, second)
    )
    return [d for d in _differing(one, other) if d.key != "study.name"]


def _differing(recorded: Mapping[str, object], given: Mapping[str, object]) -> list[Difference]:
    return [
        Difference(key, recorded.get(key), given.get(key))
        for key in {**recorded, **given}
        if recorded.get(key) != given.get(key)
    ]


def _comparable(spec: str, fingerprint: object) -> dict[str, object]:
    """A study by key, with the order of its parameters, since proposals are drawn in it.

    The path of the user's own data is left out: the fingerprint shows whether they are the same.
    """
    parsed = json.loads(spec)
    del parsed["study"]["trials"]
    for name in ("finalists", "retrainings"):
        parsed.pop(name, None)
    parsed["data"].pop("path", None)
    order = ", ".join(parsed["search_space"])
    return {**_flat(parsed), "order of parameters": order, "data fingerprint": fingerprint}


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, object] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}.{key}" if prefix else key)
    return flat
