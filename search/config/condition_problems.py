"""What can be wrong with the conditions of a search space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from studyhall.search.config.conditions import needed
from studyhall.search.config.findings import Problem, near
from studyhall.search.config.parameters import CategoricalParameter, Parameter
from studyhall.search.config.section import Scalar

_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)


class ReadSpace:
    """A `[search_space]` as far as it can be understood.

    Attributes:
        table: the parameters as they stand in the file.
        valid: those that are right in themselves.
        sound: those of them whose conditions, and the conditions of all they depend on, are right
            as well; whatever else is checked is checked with these.
        problems: what is wrong with the conditions.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self.valid = _valid(table)
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
                yield from (Problem(path, rule) for rule in _rules(self.valid[other], values))


def _rules(asked: Parameter, values: tuple[Scalar, ...]) -> Iterator[str]:
    """The rules that a condition breaks in asking whether `asked` has one of `values`."""
    if not isinstance(asked, CategoricalParameter):
        yield f"must be of type 'categorical' for a condition on it, got '{asked.type}'"
        return
    for value in values:
        if not asked.contains(value):
            yield f"must be one of its choices {list(asked.choices)}, got {value!r}"


def _valid(table: Mapping[str, Any]) -> dict[str, Parameter]:
    valid: dict[str, Parameter] = {}
    for name, value in table.items():
        try:
            valid[name] = _PARAMETER.validate_python(value)
        except ValidationError:
            continue  # what is wrong with it in itself is found with the rest of the file
    return valid
