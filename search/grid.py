"""The points of a grid: counted and numbered without being listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from search.conditions import Point, Space, holds
from search.parameters import CategoricalParameter
from search.section import Scalar

_State = tuple[tuple[str, Scalar], ...]


class Grid:
    """All points over a space's choices, with the active parameters of each alone.

    They are in the order of the table, the last parameter changing fastest. A parameter that is a
    range stands at its low end.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._values = {
            name: p.examples if isinstance(p, CategoricalParameter) else p.examples[:1]
            for name, p in space.items()
        }
        self._order = _counting_order(space)
        asked = [frozenset(space[name].conditions) for name in self._order]
        self._asked_after = [
            frozenset[str]().union(*asked[index + 1 :]) for index in range(len(asked))
        ]

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

        Points are told apart only by what later conditions ask about, so that a product of a
        thousand million points is counted in as many steps as it has factors.
        """
        ways: Counter[_State] = Counter({(): 1})
        for name, asked in zip(self._order, self._asked_after, strict=True):
            values = (fixed[name],) if name in fixed else self._values[name]
            ways = self._extended(ways, name, values, asked)
        return ways.total()

    def _extended(
        self, ways: Counter[_State], name: str, values: tuple[Scalar, ...], asked: frozenset[str]
    ) -> Counter[_State]:
        after: Counter[_State] = Counter()
        for state, count in ways.items():
            kept = tuple(item for item in state if item[0] in asked)
            if not holds(self._space[name], dict(state)):
                after[kept] += count
            elif name not in asked:
                after[kept] += count * len(values)
            else:
                after.update({(*kept, (name, value)): count for value in values})
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
