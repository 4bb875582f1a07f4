"""Create, find, compare and set aside the studies of a storage."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from pydantic import ValidationError

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.identity import Identity
from studyhall.search.config.study_spec import StudySpec, finalists_name, recorded_spec
from studyhall.search.study.renaming import Renaming, current_studies, rename
from studyhall.search.study.storage import exclusive
from studyhall.search.study.study import (
    DATA_FINGERPRINT,
    EXPERIMENT,
    SEARCH_ID,
    SPEC,
    STUDY_ID,
    Study,
)


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
    name, study_id = spec.study.name, _created(storage, spec)
    attributes = storage.get_study_user_attrs(study_id)
    _require_same(storage, spec, fingerprint, study_id)
    if SPEC not in attributes:
        begun = bool(storage.get_all_trials(study_id, deepcopy=False))
        identity = {
            STUDY_ID: uuid.uuid4().hex,
            EXPERIMENT: search.experiment if search else name,
            **({SEARCH_ID: search.study_id} if search else {}),
            DATA_FINGERPRINT: fingerprint,
        }
        for key, value in identity.items():
            if not (begun and key in attributes):  # a spoilt journal may have lost the rest
                storage.set_study_user_attr(study_id, key, value)
    elif DATA_FINGERPRINT not in attributes:  # a spoilt journal may have lost it
        storage.set_study_user_attr(study_id, DATA_FINGERPRINT, fingerprint)
    if attributes.get(SPEC) != spec.model_dump_json():
        storage.set_study_user_attr(study_id, SPEC, spec.model_dump_json())
    return Study(storage, spec)


def require_unchanged(storage: BaseStorage, spec: StudySpec, fingerprint: str) -> None:
    """Check before anything is written that a study is as recorded, if it is; see `open_study`.

    Raises:
        UsageError: the study file or the data changed since the study's trials were run, or the
            storage holds another program's study of that name.
    """
    name = spec.study.name
    if name not in study_names(storage):
        return
    study_id = storage.get_study_id_from_name(name)
    recorded = SPEC in storage.get_study_user_attrs(study_id)
    if name in current_studies(storage) or not recorded:  # else it is what a renaming left
        _require_same(storage, spec, fingerprint, study_id)


def _require_same(storage: BaseStorage, spec: StudySpec, fingerprint: str, study_id: int) -> None:
    name, attributes = spec.study.name, storage.get_study_user_attrs(study_id)
    if SPEC not in attributes:
        if STUDY_ID not in attributes and storage.get_all_trials(study_id, deepcopy=False):
            raise UsageError(f"{name}: another program's study has that name; choose one by --name")
    elif found := differences(attributes, spec, fingerprint):
        changes = ", ".join(f"{d.key} was {d.recorded!r} and is {d.given!r}" for d in found)
        raise UsageError(
            f"{name}: the study changed since its trials were run ({changes}); run it under "
            f"another name with --name, or set its trials aside with --fresh"
        )


def _created(storage: BaseStorage, spec: StudySpec) -> int:
    """The storage's id of the study of that name, which is created if there is none."""
    name, direction = spec.study.name, spec.study.direction
    if name in study_names(storage):
        study_id = storage.get_study_id_from_name(name)
        right = storage.get_study_directions(study_id) == [StudyDirection[direction.upper()]]
        recorded = SPEC in storage.get_study_user_attrs(study_id)
        if right or recorded or storage.get_all_trials(study_id, deepcopy=False):
            return study_id
        storage.delete_study(study_id)  # a killed launch began it, with another study file
    optuna.create_study(study_name=name, storage=storage, direction=direction)
    return storage.get_study_id_from_name(name)


def recorded_study(storage: BaseStorage, name: str) -> Study | None:
    """Open a study as it was recorded; None if there is none, or it is another program's."""
    recorded = current_studies(storage).get(name)
    return _opened(storage, name, recorded.user_attrs) if recorded else None


def has_lost_settings(storage: BaseStorage, name: str) -> bool:
    """Whether a study has trials but no study file, as after a line of a journal was spoilt."""
    if name not in study_names(storage):
        return False
    study_id = storage.get_study_id_from_name(name)
    known = storage.get_study_user_attrs(study_id)
    return STUDY_ID in known and SPEC not in known and bool(storage.get_all_trials(study_id))


def recorded_studies(storage: BaseStorage) -> list[Study]:
    """Open all of this program's studies in a storage, sorted by name."""
    current = sorted(current_studies(storage).items())
    studies = (_opened(storage, name, recorded.user_attrs) for name, recorded in current)
    return [study for study in studies if study]


def _opened(storage: BaseStorage, name: str, attributes: Mapping[str, Any]) -> Study | None:
    if SPEC not in attributes:
        return None
    try:
        return Study(storage, recorded_spec(json.loads(attributes[SPEC])))
    except ValidationError as error:
        problem = error.errors()[0]
        raise StudyhallError(
            f"{name}: the study was recorded by a version that this one cannot read "
            f"({'.'.join(map(str, problem['loc']))}: {problem['msg']})"
        ) from error


def recorded_finalists(search: Study) -> Study | None:
    """Open the study of a search's finalists as it was recorded; None if there is none."""
    study = recorded_study(search.storage, finalists_name(search.spec.study.name))
    return study if study and study.search_id == search.study_id else None


def study_names(storage: BaseStorage) -> list[str]:
    """The studies that the storage holds."""
    return [study.study_name for study in storage.get_all_studies()]


def study_ids(storage: BaseStorage) -> dict[str, str]:
    """The names of the storage's studies by their ids, which renaming does not change."""
    every = current_studies(storage)
    return {
        study.user_attrs[STUDY_ID]: name
        for name, study in every.items()
        if STUDY_ID in study.user_attrs
    }


def identity_of(storage: BaseStorage, name: str) -> Identity:
    """What tells a study from others of its name; one that is not recorded has no id."""
    described = {
        str(study.user_attrs[STUDY_ID]): (known, study.user_attrs)
        for known, study in current_studies(storage).items()
    }
    for study in storage.get_all_studies():  # a spoilt journal may have lost a study's settings
        if (lost := study.user_attrs.get(STUDY_ID)) and SPEC not in study.user_attrs:
            described.setdefault(str(lost), (study.study_name, study.user_attrs))
    names = {study_id: known for study_id, (known, _) in described.items()}
    study_id = next((one for one, known in names.items() if known == name), None)
    if study_id is None:
        return Identity(name, names=names)

    def experiment(one: str) -> str:
        known, attributes = described[one]
        return str(attributes.get(EXPERIMENT, known))

    finals = {one for one, (_, given) in described.items() if given.get(SEARCH_ID) == study_id}
    siblings = {one for one in described if experiment(one) == experiment(study_id)}
    return Identity(
        name=name,
        study_id=study_id,
        experiment=experiment(study_id),
        own=frozenset({study_id, *finals}),
        names=names,
        siblings=frozenset(siblings | {study_id, *finals}),
    )


def set_aside(storage: BaseStorage, name: str, study_id: str) -> None:
    """Rename a recorded study and its finalists', to free its name; it can be repeated.

    If the process is killed, either all is as it was or all is done, and `finish_renaming` deletes
    what is left over.
    """
    with exclusive(storage, "start"):
        study = recorded_study(storage, name)
        if study is None or study.study_id != study_id:
            return  # another process has set it aside
        finalists, names = recorded_finalists(study), study_names(storage)
        aside = next(
            free
            for n in range(1, len(names) + 2)
            if not {free := f"{name}.{n}", finalists_name(free)} & set(names)
        )
        renamed = [_renaming(study, aside, {})]
        if finalists:
            renamed.append(_renaming(finalists, finalists_name(aside), {"search": aside}))
        rename(storage, renamed)


def _renaming(study: Study, new: str, changes: Mapping[str, object]) -> Renaming:
    named = study.spec.study.model_copy(update={"name": new})
    spec = study.spec.model_copy(update={**changes, "study": named})
    return Renaming(study.spec.study.name, new, spec.model_dump_json())


def differences(
    attributes: Mapping[str, Any], spec: StudySpec, fingerprint: str
) -> list[Difference]:
    """The keys that differ between a study and its record, except the numbers of trials."""
    recorded = _comparable(attributes[SPEC], attributes.get(DATA_FINGERPRINT, fingerprint))
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
