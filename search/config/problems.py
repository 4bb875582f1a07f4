"""One mistake in a study file, in the file's own words, and the mistakes in its conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from studyhall.search.common.words import shown
from studyhall.search.config.parameters import CategoricalParameter, Parameter
from studyhall.search.config.search_space import needed
from studyhall.search.config.section import EACH, ONE, Scalar
from studyhall.search.config.settings import SETTING_KEYS
from studyhall.search.config.study_spec import StudySection, StudySpec

KeyPath = tuple[int | str, ...]

_KEYS: dict[KeyPath, frozenset[str]] = {
    (): frozenset(StudySpec.model_fields),
    ("study",): frozenset(StudySection.model_fields),
    **{(section,): keys for section, keys in SETTING_KEYS.items()},
}
_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)
_PARAMETER_KEYS = frozenset({"type", "low", "high", "log", "step", "choices", "when"})
_SCALARS = ("bool", "int", "float", "str")  # pydantic's tags of what a value may be
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # a key that TOML takes without quotes
_LONG_KEY = 100
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
    """One mistake: the path of the key, and the rule that its value breaks."""

    path: KeyPath
    rule: str

    def __str__(self) -> str:
        """The key and the rule, as the user reads them."""
        key = ""
        for part in self.path:
            name = f"[{part}]" if isinstance(part, int) else _quoted(part)
            key += f".{name}" if key and isinstance(part, str) else name
        return f"{key}: {self.rule}" if key else self.rule


def problem_of(details: ErrorDetails) -> Problem:
    """Put an error of pydantic into the words of a study file."""
    path = tuple(part for part in details["loc"] if part not in (ONE, EACH))  # tags of a union
    if path[:1] == ("search_space",) and len(path) > 2:
        path = (*path[:2], *path[3:])  # the third part is a tag, too
    if isinstance(details["input"], list | dict) and path[-1:] and path[-1] in _SCALARS:
        return Problem(path[:-1], f"must be one value, got {shown(details['input'])}")
    return Problem(path, _rule(details, path))


def _quoted(key: str) -> str:
    """A key as TOML writes it, in quotes if need be; cut if it is long."""
    return key if _BARE.fullmatch(key) and len(key) <= _LONG_KEY else shown(key, _LONG_KEY)


def _rule(details: ErrorDetails, path: KeyPath) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    got = f"got {shown(value)}"
    if isinstance(value, list) and len(path) == 2 and path[0] in ("network", "training"):
        got += "; to search among values, name the key in [search_space]"
    if kind == "rule":
        return str(context["message"])
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        parameter = path[0] == "search_space"
        known = _PARAMETER_KEYS if parameter else _KEYS.get(path[:-1], frozenset())
        return f"unknown key{near(str(path[-1]), known)}"
    if kind.startswith("union_tag"):
        tag = value.get("type") if isinstance(value, dict) else value
        return f"type must be 'int', 'float' or 'categorical', got {shown(tag)}"
    if kind == "literal_error":
        return f"must be {context['expected']}, {got}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]}, {got}"
    if kind == "finite_number":
        return f"must be a finite number, {got}"
    base = kind.removesuffix("_type").removesuffix("_from_attributes")
    if base in _TYPES:
        return f"must be {_TYPES[base]}, {got}"
    return f"{details['msg'][0].lower()}{details['msg'][1:]}, {got}"


def near(name: str, names: frozenset[str]) -> str:
    """The end of a sentence about an unknown name, with the nearest of `names`, or all of them."""
    if not names:
        return ""
    nearest = get_close_matches(name[:100], sorted(names), n=1, cutoff=0.5)
    return f"; did you mean '{nearest[0]}'?" if nearest else f"; known: {', '.join(sorted(names))}"


class CheckedSpace:
    """A `[search_space]` that may have mistakes.

    Attributes:
        table: the parameters as the file has them.
        valid: the parameters without a mistake of their own.
        sound: those of them whose conditions, and the conditions of all they depend on, are right
            as well; every further check uses these.
        problems: the mistakes in the conditions.
    """

    def __init__(self, table: Mapping[str, Any], spec: StudySpec | None) -> None:
        """Check a table; `spec` is that of the whole file if it is valid, so as not to redo it."""
        self.table = table
        self.valid: dict[str, Parameter] = spec.search_space if spec else {}
        for key, value in () if spec else table.items():
            with suppress(ValidationError):  # it is among the mistakes of the whole file
                self.valid[key] = _PARAMETER.validate_python(value)
        self.sound: dict[str, Parameter] = {}
        self.problems: list[Problem] = []
        for name, parameter in self.valid.items():
            found = [*self._condition(name, parameter)]
            self.problems += found
            if not found and parameter.conditions.keys() <= self.sound.keys():
                self._add(name, parameter)

    def _add(self, name: str, parameter: Parameter) -> None:
        space = {**self.sound, name: parameter}
        unmet = [
            other for other, values in needed(space, parameter.conditions).items() if not values
        ]
        if unmet:
            rule = f"is never active: no choice of search_space.{unmet[0]} meets all conditions"
            self.problems.append(Problem(("search_space", name), rule))
        else:
            self.sound[name] = parameter

    def _condition(self, name: str, parameter: Parameter) -> Iterator[Problem]:
        earlier = list(self.table)[: list(self.table).index(name)]
        for other, values in parameter.conditions.items():
            path = ("search_space", name, "when", other)
            if other in self.table and other not in earlier:
                yield Problem(path, f"must stand above search_space.{name}, which depends on it")
            elif other not in self.table:
                known = {n for n in earlier if isinstance(self.valid.get(n), CategoricalParameter)}
                yield Problem(path, f"is not in [search_space]{near(other, frozenset(known))}")
            elif other in self.valid:
                yield from (Problem(path, rule) for rule in _broken(self.valid[other], values))


def _broken(asked: Parameter, values: tuple[Scalar, ...]) -> Iterator[str]:
    """The rules that a condition breaks which requires that `asked` has one of `values`."""
    if not isinstance(asked, CategoricalParameter):
        yield f"must be of type 'categorical' for a condition on it, got '{asked.type}'"
        return
    for value in values:
        if not asked.contains(value):
            yield f"must be one of its choices {shown(list(asked.choices))}, got {shown(value)}"
