"""Every mistake in a study file, found before any work starts and said in the file's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from pydantic import TypeAdapter, ValidationError

from search.findings import Problem, near, problem_of
from search.parameters import CategoricalParameter, Parameter
from search.section import Scalar
from search.settings import SETTING_KEYS, TrialSettings
from search.study_spec import StudySection, StudySpec, overlay

_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)
_FIXED_DATA = SETTING_KEYS["data"] - {"preprocessing"}


def find_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """Every mistake in a parsed study file; an empty list if it is a valid study."""
    problems = [
        *_structural(raw),
        *_settings(raw),
        *_search_space(raw),
        *_enqueue(raw),
        *_grid(raw),
    ]
    return list({problem.sentence: problem for problem in problems}.values())


def _structural(raw: Mapping[str, Any]) -> list[Problem]:
    """Unknown and missing tables and keys, wrong types, values out of range."""
    try:
        StudySpec.model_validate(raw)
    except ValidationError as error:
        return [problem_of(details) for details in error.errors()]
    return []


def _settings(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the fixed sections with each sampled value at the ends of its range."""
    if not all(isinstance(raw.get(section), dict) for section in SETTING_KEYS):
        return
    valid = _valid_parameters(raw)
    base = {name: parameter.examples[0] for name, parameter in valid.items()}
    points: list[tuple[str | None, dict[str, Scalar]]] = [(None, base)]
    points += [(n, {**base, n: value}) for n, p in valid.items() for value in p.examples[1:]]
    for varied, point in points:
        yield from _settings_at(raw, point, varied)


def _settings_at(
    raw: Mapping[str, Any], point: Mapping[str, Scalar], varied: str | None
) -> Iterator[Problem]:
    named = _table(raw, "search_space")
    try:
        TrialSettings.model_validate(overlay(raw, point))
    except ValidationError as error:
        for details in error.errors():
            problem = problem_of(details)
            key, value = str(problem.path[-1]), details["input"]
            if (key in named and key not in point) or (isinstance(value, str) and value in named):
                continue  # what that parameter itself gets wrong is said under its own name
            if details["type"] == "too_short" and value:
                continue  # an item was wrong, which is said under its own index
            if key in point:
                yield Problem(("search_space", key), problem.rule)
            elif varied and value == point[varied]:
                yield Problem(("search_space", varied), f"{problem.sentence}")
            elif varied is None:
                yield problem


def _search_space(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """A parameter must be used, in one place, and must not move the split of the data."""
    mentioned = set(_strings([raw.get(section) for section in SETTING_KEYS]))
    for name in _table(raw, "search_space"):
        homes = [section for section, keys in SETTING_KEYS.items() if name in keys]
        if name in _FIXED_DATA:
            yield Problem(("search_space", name), "cannot be searched: all trials share one split")
        elif homes and name in _table(raw, homes[0]):
            rule = f"is both searched and set in [{homes[0]}]; delete one of the two"
            yield Problem(("search_space", name), rule)
        elif not homes and name not in mentioned:
            keys = frozenset().union(*SETTING_KEYS.values()) - _FIXED_DATA
            yield Problem(("search_space", name), f"is used nowhere in the study{near(name, keys)}")


def _enqueue(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """An enqueued point must lie inside the search space."""
    valid, points = _valid_parameters(raw), raw.get("enqueue", ())
    for index, point in enumerate(points if isinstance(points, list) else ()):
        for name, value in point.items() if isinstance(point, dict) else ():
            path = ("enqueue", index, name)
            if name not in _table(raw, "search_space"):
                yield Problem(path, f"is not in [search_space]{near(name, frozenset(valid))}")
            elif name in valid and not valid[name].contains(value):
                yield Problem(path, f"must lie in search_space.{name}, got {value!r}")


def _grid(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """A grid is made of lists of choices, and has no more points than their product."""
    if _table(raw, "study").get("sampler") != "grid":
        return
    parameters = _valid_parameters(raw)
    for name, parameter in parameters.items():
        if not isinstance(parameter, CategoricalParameter):
            rule = f"must be of type 'categorical' for sampler = 'grid', got '{parameter.type}'"
            yield Problem(("search_space", name), rule)
    points = prod(len(p.examples) for p in parameters.values())
    points += len(raw["enqueue"]) if isinstance(raw.get("enqueue"), list) else 0
    trials = _table(raw, "study").get("trials", StudySection.model_fields["trials"].default)
    listed = all(isinstance(p, CategoricalParameter) for p in parameters.values())
    if listed and isinstance(trials, int) and trials > points:
        yield Problem(
            ("study", "trials"), f"must be at most {points}, the grid's size, got {trials}"
        )


def _valid_parameters(raw: Mapping[str, Any]) -> dict[str, Parameter]:
    valid: dict[str, Parameter] = {}
    for name, value in _table(raw, "search_space").items():
        try:
            valid[name] = _PARAMETER.validate_python(value)
        except ValidationError:
            continue  # reported by _structural
    return valid


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
