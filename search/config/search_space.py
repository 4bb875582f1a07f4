"""A search space: which of its parameters are active in a trial, its corners, and its grid.

A condition names categorical parameters that stand earlier in the table, and holds only if they
are active themselves. One walk in the order of the table therefore decides everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from studyhall.search.config.parameters import Parameter
from studyhall.search.config.section import Scalar

Space = Mapping[str, Parameter]
Point = dict[str, Scalar]  # a value for each active parameter
Conditions = Mapping[str, tuple[Scalar, ...]]


def holds(parameter: Parameter, point: Mapping[str, Scalar]) -> bool:
    """Whether a parameter is active, given the values of the active parameters before it."""
    return all(
        name in point and point[name] in values for name, values in parameter.conditions.items()
    )


def excluded(space: Space, given: Mapping[str, Scalar]) -> set[str]:
    """The parameters that cannot be active beside the values of `given`, which may be a few."""
    found: set[str] = set()
    for name, parameter in space.items():
        for other, values in parameter.conditions.items():
            if other in found or (other in given and given[other] not in values):
                found.add(name)
    return found


def needed(space: Space, wanted: Conditions) -> dict[str, tuple[Scalar, ...]]:
    """The values that parameters must have for `wanted`, a choice of values by name, to be active.

    Conditions of conditions are included. A parameter that would need two different values at once
    gets an empty tuple.
    """
    needs = dict(wanted)
    for name in reversed(list(space)):  # a parameter comes after all whose conditions name it
        if name in needs:
            for asked, values in space[name].conditions.items():
                needs[asked] = tuple(v for v in needs.get(asked, values) if v in values)
    return needs


def point_with(space: Space, given: Mapping[str, Scalar]) -> Point | None:
    """A point where the given values are active and others have their first; None if impossible."""
    needs = needed(space, {name: (value,) for name, value in given.items()})
    if not all(needs.values()):
        return None
    point: Point = {}
    for name, parameter in space.items():
        if holds(parameter, point):
            point[name] = needs.get(name, parameter.examples)[0]
    return point


def corners(space: Space) -> list[Point]:
    """A point for each end of a range and each choice, where that parameter is active."""
    points = [point_with(space, {n: value}) for n, p in space.items() for value in p.examples]
    return [point for point in points if point is not None]


def describe_conditions(conditions: Conditions) -> str:
    """Conditions in the words of a sentence."""
    return " and ".join(
        f"{name} = {' or '.join(repr(value) for value in values)}"
        for name, values in conditions.items()
    )


class Grid:
    """All points over a space's choices, counted and numbered without being listed.

    They are in the order of the table, the last parameter changing fastest.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._values = {name: parameter.examples for name, parameter in space.items()}
        self._order = _counting_order(space)
        self._conditions_on = {
            asked: {n: p.conditions[asked] for n, p in space.items() if asked in p.conditions}
            for asked in space
        }

    @property
    def size(self) -> int:
        """The number of points."""
        return self._count({})

    def point(self, number: int) -> Point:
        """Point `number`, from 0.

        Raises:
            IndexError: there are fewer points.
        """
        if not 0 <= number < self.size:
            raise IndexError(f"number must be below the grid's size of {self.size}, got {number}")
        point: Point = {}
        for name, parameter in self._space.items():
            for value in self._values[name] if holds(parameter, point) else ():
                below = self._count({**point, name: value})
                if number < below:
                    point[name] = value
                    break
                number -= below
        return point

    def _count(self, fixed: Mapping[str, Scalar]) -> int:
        """The number of points that have the values of `fixed`.

        A chosen value matters only through the parameters that it rules out. Counting by those
        takes few steps even for a product of a thousand million points.
        """
        ways = Counter({frozenset[str](): 1})
        for name in self._order:
            values = (fixed[name],) if name in fixed else self._values[name]
            ways = self._extended(ways, name, values)
        return ways.total()

    def _extended(
        self, ways: Counter[frozenset[str]], name: str, values: tuple[Scalar, ...]
    ) -> Counter[frozenset[str]]:
        """The number of choices by the later parameters they rule out, with `name` chosen too."""
        conditions = self._conditions_on[name]
        choices = Counter(
            frozenset(n for n, wanted in conditions.items() if value not in wanted)
            for value in values
        )
        inactive = Counter({frozenset(conditions): 1})
        after: Counter[frozenset[str]] = Counter()
        for ruled_out, count in ways.items():
            for more, times in (inactive if name in ruled_out else choices).items():
                after[(ruled_out - {name}) | more] += count * times
        return after


def _counting_order(space: Space) -> list[str]:
    """Each parameter right after the last one that its condition names, so that few stay open."""
    order: list[str] = []
    waiting = list(space)
    while waiting:
        ready = (n for n in waiting if (asked := space[n].conditions) and set(asked) <= set(order))
        order.append(next(ready, waiting[0]))
        waiting.remove(order[-1])
    return order
