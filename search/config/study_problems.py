"""Every mistake in a study file, found before any work starts; the only place that looks for them.

Settings are checked at points of the search space, because a parameter's value, or the lack of one,
can be wrong only in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from studyhall.search.common.errors import UsageError
from studyhall.search.common.words import counted, shown
from studyhall.search.config.limits import unkeepable
from studyhall.search.config.parameters import CategoricalParameter, always_numerical
from studyhall.search.config.problems import CheckedSpace, KeyPath, Problem, near, problem_of
from studyhall.search.config.search_space import (
    Grid,
    Point,
    Space,
    corners,
    describe_conditions,
    excluded,
    point_with,
)
from studyhall.search.config.settings import SETTING_KEYS, TrainingSettings, TrialSettings
from studyhall.search.config.study_spec import (
    FINALISTS_ENDING,
    GIVEN_LETTERS,
    StudySection,
    StudySpec,
    overlay,
)

_ALL_KEYS = frozenset[str]().union(*SETTING_KEYS.values())
_MOST_LINES = 100
_FIXED_DATA = SETTING_KEYS["data"] - {"preprocessing"}


def validate_study(raw: Mapping[str, Any], describe: Callable[[Problem], str] = str) -> StudySpec:
    """Make a study of a parsed study file.

    Args:
        raw: The file's tables.
        describe: Makes a line of a mistake.

    Raises:
        UsageError: mistakes in it; every one, a line each, 100 at most.
    """
    spec, problems = None, unkeepable(raw)
    if problems:
        raise UsageError(_lines(problems, describe))
    try:
        spec = StudySpec.model_validate(raw)
    except ValidationError as error:  # unknown or missing keys, wrong types, values out of range
        problems += [problem_of(details) for details in error.errors()]
    space = CheckedSpace(_table(raw, "search_space"), spec)
    problems += [
        *_reserved(raw),
        *space.problems,
        *_settings(raw, space),
        *_search_space(raw, space),
        *_unused(raw, space),
        *_enqueue(raw, space),
        *_grid(raw, space),
        *_evolution(raw, space),
    ]
    if spec is None or problems:
        raise UsageError(_lines(problems, describe))
    return spec


def _lines(problems: Iterable[Problem], describe: Callable[[Problem], str]) -> str:
    """A line for each distinct problem, and one for those beyond what anyone would read."""
    distinct = [*{str(problem): problem for problem in problems}.values()]
    lines = [*map(describe, distinct[:_MOST_LINES])]
    if more := len(distinct) - len(lines):
        lines.append(f"and {counted(more, 'more mistake')}")
    return "\n".join(lines)


def _reserved(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """The names of finalists' studies are made, not given; and other names get endings, too."""
    name = _table(raw, "study").get("name")
    if isinstance(name, str) and len(name) > GIVEN_LETTERS:
        rule = f"must have at most {GIVEN_LETTERS} characters, got {len(name)}"
        yield Problem(("study", "name"), rule)
    if isinstance(name, str) and name.endswith(FINALISTS_ENDING):
        rule = f"must not end with '{FINALISTS_ENDING}', as finalists' studies do, got '{name}'"
        yield Problem(("study", "name"), rule)


def _settings(raw: Mapping[str, Any], space: CheckedSpace) -> Iterator[Problem]:
    """Check `[data]`, `[network]` and `[training]` with sampled values in their places."""
    if not all(isinstance(raw.get(section), dict) for section in SETTING_KEYS):
        return
    for key in ("train", "validation"):
        if key not in raw["data"] and "path" not in raw["data"]:
            yield Problem(("data", key), "is required")
    found: set[Problem] = set()
    for point in _points(space.sound):
        for problem in _problems_at(raw, space, point):
            if problem not in found:
                found.add(problem)
                yield _with_point(problem, space.sound, point)


def _points(space: Space) -> list[Point]:
    """Corners of a space; the first has every parameter's first value.

    With conditions, whether a key is set at all depends on other parameters, and two keys can be
    wrong together only (epochs and iterations): then every two values are tried together as well.
    """
    points = corners(space) or [{}]
    asked = {name for parameter in space.values() for name in parameter.conditions}
    if asked:
        names = [name for name in space if name in asked | _ALL_KEYS]
        values = [(name, value) for name in names for value in space[name].examples]
        pairs = (dict(pair) for pair in combinations(values, 2) if pair[0][0] != pair[1][0])
        points += [point for pair in pairs if (point := point_with(space, pair))]
    return points


def _problems_at(raw: Mapping[str, Any], space: CheckedSpace, point: Point) -> Iterator[Problem]:
    try:
        TrialSettings.model_validate(overlay(raw, point))
    except ValidationError as error:
        for details in error.errors():
            if details["type"] == "too_short" and details["input"]:
                continue  # an item was wrong, which is reported under its own index
            problem, missing = problem_of(details), details["type"] == "missing"
            if attributed := _attributed(problem, missing, raw, space, point):
                yield attributed


def _attributed(
    problem: Problem, missing: bool, raw: Mapping[str, Any], space: CheckedSpace, point: Point
) -> Problem | None:
    """Move a problem to its cause: the parameter whose value, or lack of one, is wrong."""
    key, name = str(problem.path[-1]), _mentioned(raw, problem.path)
    if key in point:
        return Problem(("search_space", key), problem.rule)
    if name in point:
        return Problem(("search_space", name), str(problem))
    if name in space.sound:
        conditions = describe_conditions(space.sound[name].conditions)
        rule = f"names '{name}', which has a value only when {conditions}; search it without "
        return Problem(problem.path, f"{rule}`when`, or set a value here")
    if name in space.table or (key in space.table and key not in space.sound):
        return None  # the parameter's own mistake is reported under its own name
    if missing and key in space.sound:
        section = problem.path[0]
        active = f"is active only when {describe_conditions(space.sound[key].conditions)}"
        rule = f"{active}; set {section}.{key} as well, for the trials where it is not"
        return Problem(("search_space", key), rule)
    return problem


def _mentioned(raw: Mapping[str, Any], path: KeyPath) -> str:
    """The text that the file has at `path`, if it can be a parameter's name; else ''."""
    value: Any = raw
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return ""
    return value if isinstance(value, str) and value not in _ALL_KEYS else ""


def _with_point(problem: Problem, space: Space, point: Point) -> Problem:
    """A problem of a whole section, with the values that cause it."""
    unusual = {n: (v,) for n, v in point.items() if v != space[n].examples[0]}
    if len(problem.path) > 1 or not unusual:
        return problem
    rule = f"{problem.rule}; trials with {describe_conditions(unusual)} break this"
    return Problem(problem.path, rule)


def _search_space(raw: Mapping[str, Any], space: CheckedSpace) -> Iterator[Problem]:
    """A parameter must be used, in one place, and must not move the split of the data."""
    asked = {name for parameter in space.valid.values() for name in parameter.conditions}
    mentioned = asked.union(_strings([raw.get(section) for section in SETTING_KEYS]))
    conditional = {name for name in space.table if "when" in _table(space.table, name)}
    unsound = conditional - space.sound.keys()  # their conditions could mean any parameter
    for key in sorted(_FIXED_DATA & _table(raw, "data").keys()):
        if (named := _mentioned(raw, ("data", key))) in space.table:
            rule = f"names '{named}', but cannot be searched: all trials share one split"
            yield Problem(("data", key), rule)
    for name in space.table:
        homes = [section for section, keys in SETTING_KEYS.items() if name in keys]
        if name in _FIXED_DATA:
            yield Problem(("search_space", name), "cannot be searched: all trials share one split")
        elif homes and name in _table(raw, homes[0]) and name not in conditional:
            rule = f"is both searched and set in [{homes[0]}]; delete one of the two"
            yield Problem(("search_space", name), rule)
        elif not homes and name not in mentioned and not unsound:
            hint = near(name, _ALL_KEYS - _FIXED_DATA)
            yield Problem(("search_space", name), f"is used nowhere in the study{hint}")


def _unused(raw: Mapping[str, Any], space: CheckedSpace) -> Iterator[Problem]:
    """A setting of optimizers or schedules must be one that the study's optimizers have."""
    # They import NumPy, which --help does without.
    from studyhall.model import OPTIMIZER_SETTINGS, SCHEDULE_SETTINGS

    yield from _without_owner(raw, space, "optimizer", OPTIMIZER_SETTINGS)
    yield from _without_owner(raw, space, "schedule", SCHEDULE_SETTINGS)


def _without_owner(
    raw: Mapping[str, Any], space: CheckedSpace, kind: str, owned: Mapping[str, tuple[str, ...]]
) -> Iterator[Problem]:
    """Settings that no optimizer, or no schedule, of the study takes."""
    training = _table(raw, "training")
    given = training.get(kind, TrainingSettings.model_fields[kind].default)
    if not isinstance(given, str):
        return  # it is reported under its own key
    chosen: set[object] = {given}
    if isinstance(searched := space.valid.get(kind), CategoricalParameter):
        chosen = {*searched.choices, *(chosen if searched.when else ())}
    if not chosen <= owned.keys():
        return  # an unknown name is reported under its own key
    taken = {setting for name in chosen for setting in owned[str(name)]}
    for section, table in (("training", training), ("search_space", space.table)):
        for key in table:
            owners = [name for name, settings in owned.items() if key in settings]
            if owners and key not in taken:
                names = " or ".join(sorted(map(str, chosen)))
                rule = f"goes only with {', '.join(owners)}, got {kind} {names}; delete it"
                yield Problem((section, key), rule)


def _enqueue(raw: Mapping[str, Any], space: CheckedSpace) -> Iterator[Problem]:
    """Every enqueued point must lie inside the search space."""
    points = raw.get("enqueue", ())
    for index, point in enumerate(points if isinstance(points, list) else ()):
        if isinstance(point, dict):
            for name, rule in _outside(point, space):
                yield Problem(("enqueue", index, name), rule)


def _outside(point: Mapping[str, Any], space: CheckedSpace) -> Iterator[tuple[str, str]]:
    """The values of a point that cannot be proposed: unknown, out of range or not active."""
    valid = space.valid
    inside = {n: v for n, v in point.items() if n in valid and valid[n].contains(v)}
    off = excluded(space.sound, inside)
    for name, value in point.items():
        if name not in space.table:
            yield name, f"is not in [search_space]{near(name, frozenset(valid))}"
        elif name in valid and name not in inside:
            yield name, f"must lie in search_space.{name}, got {shown(value)}"
        elif name in off:
            only = describe_conditions(valid[name].conditions)
            yield name, f"is active only when {only}, which this point excludes; delete it here"


def _grid(raw: Mapping[str, Any], space: CheckedSpace) -> Iterator[Problem]:
    """A grid needs lists of choices, and has no more trials than points."""
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


def _evolution(raw: Mapping[str, Any], space: CheckedSpace) -> Iterator[Problem]:
    """CMA-ES moves along numbers that every trial has, and needs two of them at least."""
    study = _table(raw, "study")
    if study.get("sampler") != "cmaes" or len(space.valid) < len(space.table):
        return
    found = list(always_numerical(space.valid))
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
