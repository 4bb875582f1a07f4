"""What can be wrong with the settings of trials, found by trying points of the search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from studyhall.search.config.condition_problems import ReadSpace
from studyhall.search.config.conditions import Point, Space, corners, described, point_with
from studyhall.search.config.findings import Path, Problem, problem_of
from studyhall.search.config.section import Scalar
from studyhall.search.config.settings import SETTING_KEYS, TrialSettings
from studyhall.search.config.study_spec import overlay


def setting_problems(raw: Mapping[str, Any], space: ReadSpace) -> Iterator[Problem]:
    """Check `[data]`, `[network]` and `[training]` with sampled values in their places."""
    if not all(isinstance(raw.get(section), dict) for section in SETTING_KEYS):
        return
    yield from _counts(raw["data"])
    said: set[Problem] = set()
    for point in _points(space.sound):
        for problem in _problems_at(raw, space, point):
            if problem not in said:
                said.add(problem)
                yield _placed(problem, space.sound, point)


def _counts(data: Mapping[str, Any]) -> Iterator[Problem]:
    """How much to train on and to validate by is known without the user for own data alone."""
    for key in ("train", "validation"):
        if key not in data and "path" not in data:
            yield Problem(("data", key), "is required")


def _points(space: Space) -> list[Point]:
    """Corners, the first of which has every parameter's first value.

    With conditions, whether a key is set at all depends on others, and two keys may be wrong
    together only (epochs and iterations): then every two values are tried together as well.
    """
    points = corners(space) or [{}]
    if any(parameter.when for parameter in space.values()):
        points += _meetings(space)
    return points


def _meetings(space: Space) -> Iterator[Point]:
    asked = frozenset[str]().union(*(parameter.conditions for parameter in space.values()))
    keys = asked.union(*SETTING_KEYS.values())
    values = [(n, v) for n, p in space.items() if n in keys for v in p.examples]
    for one, other in combinations(values, 2):
        if one[0] != other[0] and (point := point_with(space, dict((one, other)))):
            yield point


def _problems_at(raw: Mapping[str, Any], space: ReadSpace, point: Point) -> Iterator[Problem]:
    try:
        TrialSettings.model_validate(overlay(raw, point))
    except ValidationError as error:
        for details in error.errors():
            if details["type"] == "too_short" and details["input"]:
                continue  # an item was wrong, which is said under its own index
            problem, missing = problem_of(details), details["type"] == "missing"
            if attributed := _attributed(problem, missing, raw, space, point):
                yield attributed


def _attributed(
    problem: Problem, missing: bool, raw: Mapping[str, Any], space: ReadSpace, point: Point
) -> Problem | None:
    """Say a problem where it was made: at the parameter whose value, or lack of one, is wrong."""
    key, name = str(problem.path[-1]), _mentioned(raw, problem.path)
    if key in point:
        return Problem(("search_space", key), problem.rule)
    if name in point:
        return Problem(("search_space", name), problem.sentence)
    if name in space.sound:
        return Problem(problem.path, _without_value(name, space.sound))
    if name in space.table or (key in space.table and key not in space.sound):
        return None  # what that parameter itself gets wrong is said under its own name
    if missing and key in space.sound:
        section = problem.path[0]
        active = f"is active only when {described(space.sound[key].conditions)}"
        rule = f"{active}; set {section}.{key} as well, for the trials where it is not"
        return Problem(("search_space", key), rule)
    return problem


def _without_value(name: str, space: Space) -> str:
    conditions = described(space[name].conditions)
    return (
        f"names '{name}', which has a value only when {conditions}; search it without `when`, "
        "or set a value here"
    )


def _mentioned(raw: Mapping[str, Any], path: Path) -> str:
    """The text that the file has at `path`, if it can be a parameter's name; else ''."""
    value: Any = raw
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return ""
    keys = frozenset[str]().union(*SETTING_KEYS.values())
    return value if isinstance(value, str) and value not in keys else ""


def _placed(problem: Problem, space: Space, point: Mapping[str, Scalar]) -> Problem:
    """A problem of a whole section, with the values that bring it about."""
    unusual = {n: (v,) for n, v in point.items() if v != space[n].examples[0]}
    if len(problem.path) > 1 or not unusual:
        return problem
    return Problem(problem.path, f"{problem.rule}; trials with {described(unusual)} break this")
