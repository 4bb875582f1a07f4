"""Learning curves of many trainings in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

Curve = Mapping[int, float]


def learning_curves(path: Path, curves: Mapping[str, Sequence[Curve]], quantity: str) -> None:
    """Draw for each name the mean of its curves, with a band from the lowest to the highest.

    Args:
        path: The PNG file to write.
        curves: By name, one curve or several of the same settings: values by epoch. Where some
            end earlier than others, the mean is of those that go on.
        quantity: What the values are.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure  # drawn once a study

    figure = Figure(figsize=(9, 5), dpi=90, layout="constrained")
    axes = figure.subplots()
    for number, (name, repeats) in enumerate(curves.items()):
        epochs = sorted({epoch for curve in repeats for epoch in curve})
        values = [[curve[epoch] for curve in repeats if epoch in curve] for epoch in epochs]
        color = colormaps["tab10" if len(curves) <= 10 else "tab20"](number % 20)
        axes.plot(epochs, [np.mean(v) for v in values], label=name, color=color, linewidth=1.4)
        if len(repeats) > 1:
            low, high = [min(v) for v in values], [max(v) for v in values]
            axes.fill_between(epochs, low, high, color=color, alpha=0.15, linewidth=0)
    axes.set(xlabel="epoch", ylabel=quantity.replace("_", " "))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path)
