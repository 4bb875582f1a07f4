"""Every mistake in a study file, found before any work starts and said in the file's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from studyhall.search.config.condition_problems import ReadSpace
from studyhall.search.config.conditions import described, excluded
from studyhall.search.config.findings import Problem, near, problem_of
from studyhall.search.config.grid import Grid
from studyhall.search.config.parameters import CategoricalParameter
from studyhall.search.config.setting_problems import setting_problems
from studyhall.search.config.settings import SETTING_KEYS, TrainingSettings
from studyhall.search.config.study_spec import FINALISTS_ENDING, StudySection, StudySpec
from studyhall.search.config.unit_interval import numbers_of_all

_FIXED_DATA = SETTING_KEYS["data"] - {"preprocessing"}


def find_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """Every mistake in a parsed study file; an empty list if it is a valid study."""
    space = ReadSpace(_table(raw, "search_space"))
    problems = [
        *_structural(raw),
        *_reserved(raw),
        *space.problems,
        *setting_problems(raw, space),
        *_search_space(raw, space),
        *_idle(raw, space),
        *_enqueue(raw, space),
        *_grid(raw, space),
        *_evolution(raw, space),
    ]
    return list({problem.sentence: problem for problem in problems}.values())


def _structural(raw: Mapping[str, Any]) -> list[Problem]:
    """Unknown and missing tables and keys, wrong types, values out of range."""
    try:
        StudySpec.model_validate(raw)
    except ValidationError as error:
        return [problem_of(details) for details in error.errors()]
    return []


def _reserved(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """The names of finalists' studies are made, not given."""
    name = _table(raw, "study").get("name")
    if isinstance(name, str) and name.endswith(FINALISTS_ENDING):
        rule = f"must not end with '{FINALISTS_ENDING}', as finalists' studies do, got '{name}'"
        yield Problem(("study", "name"), rule)


def _search_space(raw: Mapping[str, Any], space: ReadSpace) -> Iterator[Problem]:
    """A parameter must be used, in one place, and must not move the split of the data."""
    asked = {name for parameter in space.valid.values() for name in parameter.conditions}
    mentioned = asked.union(_strings([raw.get(section) for section in SETTING_KEYS]))
    conditional = {name for name in space.table if "when" in _table(space.table, name)}
    unread = conditional - space.sound.keys()  # their conditions may mean any parameter
    for name in space.table:
        homes = [section for section, keys in SETTING_KEYS.items() if name in keys]
        if name in _FIXED_DATA:
            yield Problem(("search_space", name), "cannot be searched: all trials share one split")
        elif homes and name in _table(raw, homes[0]) and name not in conditional:
            rule = f"is both searched and set in [{homes[0]}]; delete one of the two"
            yield Problem(("search_space", name), rule)
        elif not homes and name not in mentioned and not unread:
            keys = frozenset().union(*SETTING_KEYS.values()) - _FIXED_DATA
            yield Problem(("search_space", name), f"is used nowhere in the study{near(name, keys)}")


def _idle(raw: Mapping[str, Any], space: ReadSpace) -> Iterator[Problem]:
    """A setting of optimizers or schedules must be one that some of the study's have."""
    from studyhall.model import (  # NumPy, which --help does without
        OPTIMIZER_SETTINGS,
        SCHEDULE_SETTINGS,
    )

    yield from _without_owner(raw, space, "optimizer", OPTIMIZER_SETTINGS)
    yield from _without_owner(raw, space, "schedule", SCHEDULE_SETTINGS)


def _without_owner(
    raw: Mapping[str, Any], space: ReadSpace, kind: str, owned: Mapping[str, tuple[str, ...]]
) -> Iterator[Problem]:
    """Settings that no optimizer, or no schedule, of the study takes."""
    training = _table(raw, "training")
    chosen = {training.get(kind, TrainingSettings.model_fields[kind].default)}
    if isinstance(searched := space.valid.get(kind), CategoricalParameter):
        chosen = {*searched.choices, *(chosen if searched.when else ())}
    if not chosen <= owned.keys():
        return  # which is meant is unknown, and that is said under its own key
    taken = {setting for name in chosen for setting in owned[str(name)]}
    for section, table in (("training", training), ("search_space", space.table)):
        for key in table:
            owners = [name for name, settings in owned.items() if key in settings]
            if owners and key not in taken:
                names = " or ".join(sorted(map(str, chosen)))
                rule = f"goes with {', '.join(owners)} alone, got {kind} {names}; delete it"
                yield Problem((section, key), rule)


def _enqueue(raw: Mapping[str, Any], space: ReadSpace) -> Iterator[Problem]:
    """Every enqueued point must lie inside the search space."""
    points = raw.get("enqueue", ())
    for index, point in enumerate(points if isinstance(points, list) else ()):
        if isinstance(point, dict):
            for name, rule in _outside(point, space):
                yield Problem(("enqueue", index, name), rule)


def _outside(point: Mapping[str, Any], space: ReadSpace) -> Iterator[tuple[str, str]]:
    """The values of a point that cannot be proposed: unknown, out of range or not active."""
    valid = space.valid
    inside = {n: v for n, v in point.items() if n in valid and valid[n].contains(v)}
    off = excluded(space.sound, inside)
    for name, value in point.items():
        if name not in space.table:
            yield name, f"is not in [search_space]{near(name, frozenset(valid))}"
        elif name in valid and name not in inside:
            yield name, f"must lie in search_space.{name}, got {value!r}"
        elif name in off:
            only = described(valid[name].conditions)
            yield name, f"is active only when {only}, which this point excludes; delete it here"


def _grid(raw: Mapping[str, Any], space: ReadSpace) -> Iterator[Problem]:
    """A grid is made of lists of choices, and has no more points than their active product."""
    if _table(raw, "study").get("sampler") != "grid":
        return
    ranges = {n: p for n, p in space.valid.items() if not isinstance(p, CategoricalParameter)}
    for name, parameter in ranges.items():
        rule = f"must be of type 'categorical' for sampler = 'grid', got '{parameter.type}'"
        yield Problem(("search_space", name), rule)
    if ranges or len(space.sound) < len(space.table):
        return
    points = Grid(space.sound).size
    points += len(raw["enqueue"]) if isinstance(raw.get("enqueue"), list) else 0
    trials = _table(raw, "study").get("trials", StudySection.model_fields["trials"].default)
    if isinstance(trials, int) and trials > points:
        rule = f"must be at most {points}, the grid's size, got {trials}"
        yield Problem(("study", "trials"), rule)


def _evolution(raw: Mapping[str, Any], space: ReadSpace) -> Iterator[Problem]:
    """CMA-ES moves along numbers that every trial has, and along one there is no way to turn."""
    study = _table(raw, "study")
    if study.get("sampler") != "cmaes" or len(space.valid) < len(space.table):
        return
    found = list(numbers_of_all(space.valid))
    if len(found) < 2:
        rule = (
            "can be 'cmaes' where two parameters or more are of type 'int' or 'float' without a "
            f"'when', got {found[0] if found else 'none'}; choose another, such as 'tpe'"
        )
        yield Problem(("study", "sampler"), rule)


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
