"""Conditional parameters: which of a search space are active, and points where a given one is.

A condition looks at categorical parameters that stand earlier in the table, and holds only if they
are active themselves. One walk in the order of the table therefore decides everything.
"""

from __future__ import annotations

from collections.abc import Mapping

from studyhall.search.config.parameters import Parameter
from studyhall.search.config.section import Scalar

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


def needed(space: Space, wanted: Mapping[str, tuple[Scalar, ...]]) -> dict[str, tuple[Scalar, ...]]:
    """What parameters must be for those of `wanted` to be active with one of the values given.

    That is all that their conditions ask for, and the conditions of the parameters asked about. A
    parameter that none of its values would do is given an empty tuple.
    """
    needs = dict(wanted)
    for name in reversed(list(space)):  # so that all who ask about a parameter come before it
        if name in needs:
            for asked, values in space[name].conditions.items():
                needs[asked] = tuple(v for v in needs.get(asked, values) if v in values)
    return needs


def point_with(space: Space, given: Mapping[str, Scalar]) -> Point | None:
    """A point where the given values are active, the others as early as may be; None without."""
    needs = needed(space, {name: (value,) for name, value in given.items()})
    if not all(needs.values()):
        return None
    point: Point = {}
    for name, parameter in space.items():
        if holds(parameter, point):
            point[name] = needs.get(name, parameter.examples)[0]
    return point


def corners(space: Space) -> list[Point]:
    """Points at whose corners one parameter after the other stands, each while it is active."""
    points = [point_with(space, {n: value}) for n, p in space.items() for value in p.examples]
    return [point for point in points if point is not None]


def described(conditions: Mapping[str, tuple[Scalar, ...]]) -> str:
    """Conditions as they read in a sentence."""
    return " and ".join(
        f"{name} = {' or '.join(repr(value) for value in values)}"
        for name, values in conditions.items()
    )
