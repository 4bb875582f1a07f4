"""How the learning rate changes over the epochs."""


def exponential_decay(learning_rate: float, decay: float, epoch: int) -> float:
    """Return learning_rate · decay^(epoch - 1), the rate of the 1-based epoch.

    The first epoch runs at the full rate. The code that S1 comes from also decays after the very
    first minibatch, so that all its other epochs run one decay lower than ours.

    Raises:
        ValueError: learning_rate or decay is not above 0, or decay is above 1.
    """
    if not learning_rate > 0:
        raise ValueError(f"learning_rate: must be above 0, got {learning_rate}")
    if not 0 < decay <= 1:
        raise ValueError(f"learning_rate_decay: must be above 0 and at most 1, got {decay}")
    return learning_rate * decay ** (epoch - 1)
