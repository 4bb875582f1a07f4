"""Points that cover a search space more evenly than random ones do."""

from __future__ import annotations

import numpy as np

from studyhall.search.config.parameters import from_unit
from studyhall.search.config.search_space import Point, Space, holds


class QuasiRandom:
    """The points of a scrambled Sobol' sequence, each a function of the seed and its number alone.

    Any stretch of the sequence covers the space, so that a study may end anywhere and go on. Every
    parameter has a dimension; a point leaves out those whose conditions do not hold.

    The sequence is Sobol's (1967) with Owen's scrambling as Matousek (1998) does it. Optuna's
    QMCSampler draws from the same one, but counts its points in the study, as workers come.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def point(self, number: int) -> Point:
        """Point `number`, from 0."""
        point: Point = {}
        for (name, parameter), place in zip(self._space.items(), self._places(number), strict=True):
            if holds(parameter, point):
                point[name] = from_unit(parameter, place)
        return point

    def _places(self, number: int) -> list[float]:
        """The place in [0, 1) of every parameter."""
        from scipy.stats.qmc import Sobol  # half a second, which other samplers do without

        sequence = Sobol(len(self._space), rng=np.random.default_rng(self._seed))
        if number:  # SciPy cannot skip nothing
            sequence.fast_forward(number)
        places: list[float] = sequence.random(1)[0].tolist()
        return places
