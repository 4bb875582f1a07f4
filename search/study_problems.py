"""Every mistake in a study file, found before any work starts and said in the file's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import prod
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from search.parameters import CategoricalParameter, Parameter
from search.section import Scalar
from search.settings import SETTING_KEYS, TrialSettings
from search.study_spec import StudySection, StudySpec, overlay

Path = tuple[int | str, ...]

_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)
_FIXED_DATA = SETTING_KEYS["data"] - {"preprocessing"}
_KEYS: dict[Path, frozenset[str]] = {
    (): frozenset(StudySpec.model_fields),
    ("study",): frozenset(StudySection.model_fields),
    **{(section,): keys for section, keys in SETTING_KEYS.items()},
}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "string": "a string",
    "bool": "true or false",
    "tuple": "a list",
    "dict": "a table",
    "model": "a table",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


@dataclass(frozen=True)
class Problem:
    """One mistake: the path of the key, and the rule that it breaks with the value received."""

    path: Path
    rule: str

    @property
    def sentence(self) -> str:
        """The key and the rule, as the user reads them."""
        key = ""
        for part in self.path:
            key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
        return f"{key}: {self.rule}" if key else self.rule


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
        return [_problem(details) for details in error.errors()]
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
            problem = _problem(details)
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
            yield Problem(
                ("search_space", name), f"is used nowhere in the study{_near(name, keys)}"
            )


def _enqueue(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """An enqueued point must lie inside the search space."""
    valid, points = _valid_parameters(raw), raw.get("enqueue", ())
    for index, point in enumerate(points if isinstance(points, list) else ()):
        for name, value in point.items() if isinstance(point, dict) else ():
            path = ("enqueue", index, name)
            if name not in _table(raw, "search_space"):
                yield Problem(path, f"is not in [search_space]{_near(name, frozenset(valid))}")
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


def _problem(details: ErrorDetails) -> Problem:
    """Say one of pydantic's findings in the words of a study file."""
    path = tuple(details["loc"])
    if path[:1] == ("search_space",) and len(path) > 2:
        path = (*path[:2], *path[3:])  # without the tag of the union
    return Problem(path, _rule(details, path))


def _rule(details: ErrorDetails, path: Path) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    got = f"got {value!r}"
    if kind == "rule":
        return str(context["message"])
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"unknown key{_near(str(path[-1]), _known_keys(path))}"
    if kind.startswith("union_tag"):
        tag = value.get("type") if isinstance(value, dict) else value
        return f"type must be 'int', 'float' or 'categorical', got {tag!r}"
    if kind == "literal_error":
        return f"must be {context['expected']}, {got}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]}, {got}"
    base = kind.removesuffix("_type").removesuffix("_from_attributes")
    if base in _TYPES:
        return f"must be {_TYPES[base]}, {got}"
    return f"{details['msg'][0].lower()}{details['msg'][1:]}, {got}"


def _known_keys(path: Path) -> frozenset[str]:
    if path[0] == "search_space":
        return frozenset({"type", "low", "high", "log", "step", "choices"})
    return _KEYS.get(path[:-1], frozenset())


def _near(name: str, names: frozenset[str]) -> str:
    near = get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(names))}"


def line_of(text: str, path: Path) -> int:
    """The line of a study file on which the key at `path`, or the nearest table above it, stands.

    The TOML reader of the standard library keeps no positions, so the text is searched for the
    headers and keys that study files are written with; a stranger layout yields the table's line.
    """
    best, best_line, table = 0, 1, ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\-]+)\s*\]", line):
            name = header[2]
            counts[name] = counts.get(name, -1) + 1
            table = (*name.split("."), *((counts[name],) if header[1] == "[[" else ()))
            here: Path = table
        elif key := re.match(r"\s*([\w\-]+)\s*=", line):
            here = (*table, key[1])
        else:
            continue
        if len(here) > best and path[: len(here)] == here:
            best, best_line = len(here), number
    return best_line
