"""Where a training stands between two epochs: what resumes it bit for bit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import FloatArray
from .batches import Batches
from .network import Network
from .optimizer import Optimizer


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All but the parameters, which are the network's own.

    Attributes:
        iteration: iterations done, over all epochs.
        steps: steps that the optimizer took.
        optimizer: the optimizer's vectors by name, each as long as the parameter vector.
        generators: the state of the generator of the "batches" and, if there is one, of that of
            the "dropout", as NumPy's bit generators describe it.

    Raises:
        ValueError: iterations or steps are not whole numbers of at least 0, or the generators are
            not a dict.
    """

    iteration: int
    steps: int
    optimizer: dict[str, FloatArray]
    generators: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        for name, count in (("iteration", self.iteration), ("steps", self.steps)):
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ValueError(f"{name}: must be a whole number of at least 0, got {count!r}")
        if not isinstance(self.generators, dict):
            raise ValueError(f"generators: must be states by name, got {self.generators!r}")

    @classmethod
    def of(
        cls, network: Network, optimizer: Optimizer, batches: Batches, iteration: int
    ) -> "TrainingState":
        """Copy the state of a training whose last record ended with this iteration."""
        generators = _generators(network, batches)
        return cls(
            iteration=iteration,
            steps=optimizer.steps,
            optimizer={name: vector.copy() for name, vector in optimizer.state.items()},
            generators={
                name: dict(generator.bit_generator.state) for name, generator in generators.items()
            },
        )

    def restore(self, network: Network, optimizer: Optimizer, batches: Batches) -> None:
        """Put an optimizer that is bound to the network, and the generators, in this state.

        Raises:
            ValueError: the state is that of another optimizer, network or kind of generator.
        """
        generators = _generators(network, batches)
        for kind, found, wanted in (
            ("optimizer", optimizer.state.keys(), self.optimizer.keys()),
            ("generators", generators.keys(), self.generators.keys()),
        ):
            if found != wanted:
                raise ValueError(
                    f"{kind}: the state must have {sorted(found)}, got {sorted(wanted)}"
                )
        for name, vector in optimizer.state.items():
            if vector.shape != self.optimizer[name].shape:
                raise ValueError(
                    f"optimizer: {name} must have shape {vector.shape}, "
                    f"got {self.optimizer[name].shape}"
                )
        for name, vector in optimizer.state.items():
            vector[...] = self.optimizer[name]
        optimizer.steps = self.steps
        for name, generator in generators.items():
            _restore_generator(name, generator, self.generators[name])

    def to_dict(self) -> dict[str, Any]:
        """Return what is not an array, as JSON holds it."""
        return {
            "iteration": self.iteration,
            "steps": self.steps,
            "generators": self.generators,
        }


def _restore_generator(name: str, generator: np.random.Generator, state: dict[str, Any]) -> None:
    try:
        generator.bit_generator.state = state
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        kind = type(generator.bit_generator).__name__
        raise ValueError(
            f"generators: the state of the {name} must be one of {kind}, got {state!r}"
        ) from error


def _generators(network: Network, batches: Batches) -> dict[str, np.random.Generator]:
    dropout = {} if network.generator is None else {"dropout": network.generator}
    return {"batches": batches.generator, **dropout}
