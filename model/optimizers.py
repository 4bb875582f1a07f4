"""Optimizers by name, with the settings that each takes."""

from collections.abc import Mapping

from .adaptive import AdaGrad, Adam, RMSprop
from .descent import SGD, Momentum, Nesterov
from .optimizer import Optimizer

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": Adam,
}

_EVERY = ("weight_decay",)
_ADAPTIVE = ("epsilon", "epsilon_inside")

OPTIMIZER_SETTINGS: dict[str, tuple[str, ...]] = {
    "sgd": _EVERY,
    "momentum": ("momentum", "averaged", *_EVERY),
    "nesterov": ("momentum", *_EVERY),
    "adagrad": (*_ADAPTIVE, *_EVERY),
    "rmsprop": ("beta2", *_ADAPTIVE, *_EVERY),
    "adam": ("beta1", "beta2", *_ADAPTIVE),
    "adamw": ("beta1", "beta2", *_ADAPTIVE, *_EVERY),
}


def make_optimizer(name: str, settings: Mapping[str, float | bool] | None = None) -> Optimizer:
    """Return the optimizer of a name in `OPTIMIZERS`.

    Args:
        name: the optimizer; "adamw" is Adam with weight decay.
        settings: values of some of its `OPTIMIZER_SETTINGS`; the others keep their defaults.

    Raises:
        ValueError: unknown name, a setting that the optimizer does not have, or a value out of its
            range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer: must be one of {list(OPTIMIZERS)}, got {name!r}")
    settings = dict(settings or {})
    if strangers := sorted(settings.keys() - set(OPTIMIZER_SETTINGS[name])):
        raise ValueError(
            f"{name}: takes {', '.join(OPTIMIZER_SETTINGS[name])}, got {', '.join(strangers)}"
        )
    return OPTIMIZERS[name](**settings)
