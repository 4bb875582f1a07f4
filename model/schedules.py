"""How the learning rate changes while a network trains."""

from dataclasses import dataclass
from math import cos, pi

# By name, with the settings that each takes beside the learning rate and the warm-up.
SCHEDULE_SETTINGS: dict[str, tuple[str, ...]] = {
    "exponential": ("learning_rate_decay",),
    "step": ("learning_rate_decay", "step_epochs"),
    "cosine": (),
}


@dataclass(frozen=True)
class Schedule:
    """The learning rate of every iteration.

    With rate lr, decay d, epoch e from 1, and iteration t from 0 of T in all:

    - "exponential": lr · d^(e - 1), the first epoch at the full rate; d = 1 keeps it constant.
      The code that S1 comes from decays after the first minibatch of every epoch, the first epoch
      included, so that but for those minibatches it runs one decay lower than ours.
    - "step": lr · d^⌊(e - 1) / step_epochs⌋.
    - "cosine": ½ · lr · (1 + cos(pi · t / T)), to nearly zero at the end: Loshchilov and Hutter,
      "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation 5 with eta_min = 0
      and no restart; as there, the rate changes at every iteration, not once an epoch.

    Warm-up: of the first W iterations, iteration t runs at (t + 1) / W of that rate. Goyal et al.,
    "Accurate, Large Minibatch SGD" (2017), section 2.2, ramp up likewise, but from the rate of a
    single worker.

    Attributes:
        learning_rate: lr, above 0.
        decay: d, above 0 and at most 1; of no effect on "cosine".
        kind: a name in `SCHEDULE_SETTINGS`.
        step_epochs: epochs between two drops of "step", at least 1.
        warmup_iterations: W, 0 for none.

    Raises:
        ValueError: a value is out of its range.
    """

    learning_rate: float
    decay: float = 1.0
    kind: str = "exponential"
    step_epochs: int = 1
    warmup_iterations: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate: must be above 0, got {self.learning_rate}")
        if not 0 < self.decay <= 1:
            raise ValueError(
                f"learning_rate_decay: must be above 0 and at most 1, got {self.decay}"
            )
        if self.kind not in SCHEDULE_SETTINGS:
            names = list(SCHEDULE_SETTINGS)
            raise ValueError(f"schedule: must be one of {names}, got {self.kind!r}")
        if self.step_epochs < 1:
            raise ValueError(f"step_epochs: must be at least 1, got {self.step_epochs}")
        if self.warmup_iterations < 0:
            raise ValueError(f"warmup_iterations: must be at least 0, got {self.warmup_iterations}")

    def rate(self, iteration: int, iterations_per_epoch: int, iterations: int) -> float:
        """Return the rate of an iteration.

        Args:
            iteration: t, from 0.
            iterations_per_epoch: how many iterations an epoch has.
            iterations: T, how many the whole training has.
        """
        rate = self.learning_rate * self._factor(iteration, iterations_per_epoch, iterations)
        if iteration < self.warmup_iterations:
            rate *= (iteration + 1) / self.warmup_iterations
        return rate

    def _factor(self, iteration: int, iterations_per_epoch: int, iterations: int) -> float:
        whole_epochs = iteration // iterations_per_epoch
        if self.kind == "cosine":
            return 0.5 * (1 + cos(pi * iteration / iterations))
        if self.kind == "step":
            whole_epochs //= self.step_epochs
        return float(self.decay**whole_epochs)
