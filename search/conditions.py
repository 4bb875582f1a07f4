"""Conditional parameters: which of a search space are active, and points where a given one is.

A condition looks at categorical parameters that stand earlier in the table, and holds only if they
are active themselves. One walk in the order of the table therefore decides everything.
"""

from __future__ import annotations

from collections.abc import Mapping

from search.parameters import Parameter
from search.section import Scalar

Space = Mapping[str, Parameter]
Point = dict[str, Scalar]


def holds(parameter: Parameter, point: Mapping[str, Scalar]) -> bool:
    """Whether a parameter is active, given the active ones before it with their values."""
    return all(
        name in point and point[name] in values for name, values in parameter.conditions.items()
    )


def excluded(space: Space, given: Mapping[str, Scalar]) -> set[str]:
    """The parameters that cannot be active beside `given`, whatever it leaves out will be."""
    found: set[str] = set()
    for name, parameter in space.items():
        for other, values in parameter.conditions.items():
            if other in found or (other in given and given[other] not in values):
                found.add(name)
    return found


def needed(space: Space, name: str) -> dict[str, tuple[Scalar, ...]]:
    """What others must be for `name` to be active: all that its conditions and theirs ask for.

    A parameter that none of its choices would do is given an empty tuple.
    """
    needs = dict(space[name].conditions)
    for other in reversed(list(space)):  # so that all who ask for a parameter come before it
        if other in needs:
            for asked, values in space[other].conditions.items():
                needs[asked] = tuple(v for v in needs.get(asked, values) if v in values)
    return needs


def corners(space: Space) -> list[Point]:
    """Points at whose corners one parameter after the other stands, each while it is active."""
    points = []
    for name, parameter in space.items():
        enabling = {other: values[0] for other, values in needed(space, name).items()}
        points += [_point(space, {**enabling, name: value}) for value in parameter.examples]
    return points


def _point(space: Space, given: Mapping[str, Scalar]) -> Point:
    point: Point = {}
    for name, parameter in space.items():
        if holds(parameter, point):
            point[name] = given.get(name, parameter.examples[0])
    return point


def described(conditions: Mapping[str, tuple[Scalar, ...]]) -> str:
    """Conditions as they read in a sentence."""
    return " and ".join(
        f"{name} = {' or '.join(repr(value) for value in values)}"
        for name, values in conditions.items()
    )
