"""The points of a grid: counted and numbered without being listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from studyhall.search.config.conditions import Point, Space, holds
from studyhall.search.config.section import Scalar


class Grid:
    """All points over a space's choices, with the active parameters of each alone.

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
        """How many points there are."""
        return self._count({})

    def point(self, number: int) -> Point:
        """Point `number`.

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
        """How many points have the values of `fixed`.

        What has been chosen matters only for the parameters that it rules out: counting by those
        takes few steps for a product of a thousand million points.
        """
        ways = Counter({frozenset[str](): 1})
        for name in self._order:
            values = (fixed[name],) if name in fixed else self._values[name]
            ways = self._extended(ways, name, values)
        return ways.total()

    def _extended(
        self, ways: Counter[frozenset[str]], name: str, values: tuple[Scalar, ...]
    ) -> Counter[frozenset[str]]:
        """The ways to choose, by the later parameters they rule out, with `name` chosen too."""
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
    """Each parameter right after the last that its condition asks about, to be done with those."""
    order: list[str] = []
    waiting = list(space)
    while waiting:
        ready = (n for n in waiting if (asked := space[n].conditions) and set(asked) <= set(order))
        order.append(next(ready, waiting[0]))
        waiting.remove(order[-1])
    return order
