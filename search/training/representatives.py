"""The kinds of network that a study may train: one of each stands for all of its kind."""

from __future__ import annotations

from collections.abc import Iterable

from studyhall.search.config.settings import NetworkSettings, TrialSettings
from studyhall.search.config.study_spec import StudySpec


def corners(spec: StudySpec) -> list[TrialSettings]:
    """Settings at the corners of the search space."""
    return [spec.resolve(point) for point in spec.examples()]


def one_of_each_kind(
    settings: Iterable[TrialSettings], *, widest: bool = False
) -> list[TrialSettings]:
    """Settings of one trial for each kind of network among those given.

    A kind is a depth, activations, a loss, an initialization and a preprocessing; of all widths
    the smallest stands for it, or the largest on request.
    """
    sign = -1 if widest else 1
    kinds: dict[object, TrialSettings] = {}
    for one in settings:
        known = kinds.setdefault(_kind(one), one)
        if sign * sum(one.network.hidden) < sign * sum(known.network.hidden):
            kinds[_kind(one)] = one
    return list(kinds.values())


def without_dropout(settings: TrialSettings) -> TrialSettings:
    """The same settings but for dropout, which adds nothing to what a network can learn."""
    network = settings.network.model_copy(update={"dropout": 0.0})
    return settings.model_copy(update={"network": network})


def highest_dropout(network: NetworkSettings) -> float:
    """The highest dropout rate of all hidden layers."""
    return max(network.dropout) if isinstance(network.dropout, tuple) else network.dropout


def described(settings: TrialSettings) -> str:
    """A network in a few words."""
    network = settings.network
    widths = " x ".join(map(str, network.hidden)) or "no"
    names = dict.fromkeys(activations(network))
    return f"{widths} hidden units ({', '.join(names)}, {network.initializer})"


def activations(network: NetworkSettings) -> tuple[str, ...]:
    """The activation behind each hidden layer."""
    one = network.activation
    return (one,) * len(network.hidden) if isinstance(one, str) else one


def _kind(settings: TrialSettings) -> object:
    network = settings.network
    return (
        len(network.hidden),
        network.activation,
        network.loss,
        network.initializer,
        network.initial_deviation,
        settings.data.preprocessing,
    )
