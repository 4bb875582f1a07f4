"""Rename studies together, which takes effect at one write, whenever its process is killed.

Optuna cannot rename a study, so it is copied, and the original deleted; both have one `study_id`.
Until the search is deleted, the originals count, and from then on the copies.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from optuna.storages import BaseStorage

from studyhall.search.config.study_spec import finalists_name
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import exclusive
from studyhall.search.study.study import SEARCH_ID, SPEC, STUDY_ID

if TYPE_CHECKING:
    from optuna.study._frozen import FrozenStudy

_NEW_NAME = "studyhall.new_name"  # while a study is renamed; then empty


class Renaming(NamedTuple):
    """A study's name, its new one, which must be free, and its study file with the new one."""

    old: str
    new: str
    spec: str


def current_studies(storage: BaseStorage) -> dict[str, FrozenStudy]:
    """This program's studies in a storage, by their names.

    Of a study and its copy only one counts: the search that was created first, and the finalists
    that bear its name. A copy that a user made never does, since its study file has another name.
    """
    return {one.study_name: one for one in _current(storage.get_all_studies())}


def rename(storage: BaseStorage, renamings: Sequence[Renaming]) -> None:
    """Rename a search and then its finalists; call it in a block `exclusive` for "start"."""
    ids = {one: storage.get_study_id_from_name(one.old) for one in renamings}
    for one, study_id in ids.items():
        storage.set_study_user_attr(study_id, _NEW_NAME, one.new)
    for one, study_id in ids.items():
        _copy(storage, study_id, one)
    for study_id in ids.values():  # the new names count from the first of these writes
        storage.delete_study(study_id)


@retry_while_disconnected
def finish_renaming(storage: BaseStorage) -> None:
    """Delete what is left of a renaming whose process was killed: the copies, or the originals."""
    if not any(_new_name(one) for one in storage.get_all_studies()):
        return
    with exclusive(storage, "start"):
        every = storage.get_all_studies()
        for left in _left_over(storage, every):
            storage.delete_study(left._study_id)
        for one in storage.get_all_studies():
            if _new_name(one):
                storage.set_study_user_attr(one._study_id, _NEW_NAME, "")


def _copy(storage: BaseStorage, study_id: int, renaming: Renaming) -> None:
    attributes = dict(storage.get_study_user_attrs(study_id))
    created = storage.create_new_study(storage.get_study_directions(study_id), renaming.new)
    for key in (STUDY_ID, *(attributes.keys() - {STUDY_ID, SPEC, _NEW_NAME})):
        storage.set_study_user_attr(created, key, attributes[key])
    for key, value in storage.get_study_system_attrs(study_id).items():
        storage.set_study_system_attr(created, key, value)
    for trial in storage.get_all_trials(study_id, deepcopy=False):
        storage.create_new_trial(created, template_trial=trial)
    storage.set_study_user_attr(created, SPEC, renaming.spec)  # last: now it is a study


def _left_over(storage: BaseStorage, every: Sequence[FrozenStudy]) -> list[FrozenStudy]:
    current = {one._study_id for one in _current(every)}
    new = {_new_name(one): one.user_attrs[STUDY_ID] for one in every if _new_name(one)}

    def is_left(one: FrozenStudy) -> bool:
        original = _new_name(one) and _is_named(one)
        copy = one.study_name in new and (
            one.user_attrs.get(STUDY_ID) == new[one.study_name] or _is_blank(storage, one)
        )
        return bool(original or copy)

    return [one for one in every if one._study_id not in current and is_left(one)]


def _current(every: Sequence[FrozenStudy]) -> list[FrozenStudy]:
    alike: dict[str, list[FrozenStudy]] = {}
    for one in sorted(filter(_is_named, every), key=lambda one: one._study_id):
        alike.setdefault(one.user_attrs[STUDY_ID], []).append(one)
    return [
        _counting(same, alike.get(same[0].user_attrs.get(SEARCH_ID, ""), []))
        for same in alike.values()
    ]


def _counting(same: Sequence[FrozenStudy], searches: Sequence[FrozenStudy]) -> FrozenStudy:
    """The study that counts of those with one `study_id`, given those with that of its search."""
    names = {finalists_name(search.study_name) for search in searches[:1]}
    return next((one for one in same if one.study_name in names), same[0])


def _is_named(study: FrozenStudy) -> bool:
    """Whether a study's record is whole, and of a study of its name."""
    recorded = json.loads(study.user_attrs.get(SPEC, "{}"))
    return bool(recorded.get("study", {}).get("name") == study.study_name)


def _new_name(study: FrozenStudy) -> str:
    return str(study.user_attrs.get(_NEW_NAME, ""))


def _is_blank(storage: BaseStorage, study: FrozenStudy) -> bool:
    """Whether a study was created and nothing more."""
    trials = storage.get_all_trials(study._study_id, deepcopy=False)
    return not (study.user_attrs or study.system_attrs or trials)
