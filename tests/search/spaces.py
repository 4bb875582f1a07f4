"""Search spaces with every kind of parameter, and random ones for Hypothesis."""

from __future__ import annotations

import sys

from hypothesis import strategies as st

from studyhall.search.config.search_space import Space, holds
from studyhall.search.config.section import Scalar
from studyhall.search.config.study_spec import StudySpec

EVERY_KIND = {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "share": {"type": "float", "low": -0.5, "high": 0.9},
    "tenths": {"type": "float", "low": 0.1, "high": 0.7, "step": 0.1},
    "units": {"type": "int", "low": 1, "high": 200, "log": True},
    "even": {"type": "int", "low": 2, "high": 8, "step": 2},
    "method": {"type": "categorical", "choices": ["none", "small", "large"]},
    "strength": {"type": "float", "low": 0.0, "high": 1.0, "when": {"method": ["small", "large"]}},
    "flag": {"type": "categorical", "choices": [False, True], "when": {"method": "large"}},
}
NUMBERS = {name: EVERY_KIND[name] for name in ("rate", "share")}


def spec_of(
    space: dict[str, object], enqueue: tuple[object, ...] = (), **study: object
) -> StudySpec:
    """A study over a space whose parameters no training has use for."""
    return StudySpec.model_validate(
        {
            "study": {"name": "s", "trials": 30, "window": 4, "seed": 3, **study},
            "data": {"name": "cifar10", "train": 100, "validation": 10},
            "network": {"hidden": [4]},
            "training": {"epochs": 9, "learning_rate": 0.01},
            "search_space": space,
            "enqueue": enqueue,
        }
    )


def is_point(space: Space, point: dict[str, Scalar]) -> bool:
    """Whether a point has the active parameters of a space alone, each with a value of its own."""
    active = {name for name, parameter in space.items() if holds(parameter, point)}
    return point.keys() == active and all(space[name].contains(v) for name, v in point.items())


@st.composite
def floats(draw: st.DrawFn) -> dict[str, object]:
    """A float parameter: plain, on a log scale or with a step."""
    kind = draw(st.sampled_from(["plain", "log", "step"]))
    if kind == "step":
        step = draw(st.sampled_from([1e-3, 0.1, 0.3, 7.0]))
        first, count = draw(st.integers(-50, 50)), draw(st.integers(1, 99))
        low, high = (round(number * step, 6) for number in (first, first + count))
        return {"type": "float", "low": low, "high": high, "step": step}
    least = sys.float_info.min if kind == "log" else -sys.float_info.max
    limits = st.floats(least, sys.float_info.max)
    low, high = sorted(draw(st.tuples(limits, limits).filter(lambda pair: pair[0] != pair[1])))
    return {"type": "float", "low": low, "high": high, "log": kind == "log"}


@st.composite
def integers(draw: st.DrawFn) -> dict[str, object]:
    """An int parameter: plain, with a step, or on a log scale."""
    log = draw(st.booleans())
    step = 1 if log else draw(st.integers(1, 9))
    low = draw(st.integers(1 if log else -1000, 1000))
    high = low + step * draw(st.integers(1, 10_000))
    return {"type": "int", "low": low, "high": high, "step": step, "log": log}


def choices() -> st.SearchStrategy[dict[str, object]]:
    """A categorical parameter."""
    scalars = st.integers(-9, 9) | st.text(max_size=3)
    lists = st.lists(scalars, min_size=1, max_size=5, unique=True)
    return lists.map(lambda listed: {"type": "categorical", "choices": listed})


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, object]:
    """A search space of which some parameters depend on categorical ones above them."""
    space: dict[str, object] = {}
    for number in range(draw(st.integers(1, 6))):
        parameter = draw(floats() | integers() | choices())
        asked = draw(st.sampled_from([None, *(n for n, p in space.items() if "choices" in p)]))
        if asked:
            wanted = draw(st.lists(st.sampled_from(space[asked]["choices"]), min_size=1))
            parameter = {**parameter, "when": {asked: wanted}}
        space[f"p{number}"] = parameter
    return space
