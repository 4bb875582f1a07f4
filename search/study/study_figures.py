"""Optuna's own plots of a study, as PNG files."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from studyhall.search.common.pictures import decorative
from studyhall.search.study.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CURVES = 10


def write_figures(study: Study, folder: Path) -> list[Path]:
    """Draw a study's learning curves, and Optuna's plots of its parameters.

    History, importances, parallel coordinates, contour and slice need two completed trials, and a
    parameter that took two values. Plots of several parameters at once show only parameters that
    all trials have; a contour needs two of these.

    Args:
        study: The study.
        folder: The folder of the PNG files.

    Returns:
        The files written; a plot that cannot be drawn is left out.
    """
    complete = [t for t in study.trials() if t.state is TrialState.COMPLETE]
    _draw_curves(folder / "learning_curves.png", study, complete)
    varied, shared = comparable_parameters(study, complete)
    spread = len({t.value for t in complete}) > 1
    if len(complete) > 1 and varied and spread:
        for name, (plot, arguments) in _plots(varied, shared).items():
            _draw(folder / f"{name}.png", study, plot, arguments)
    return sorted(folder.glob("*.png"))


def comparable_parameters(
    study: Study, complete: Sequence[FrozenTrial]
) -> tuple[list[str], list[str]]:
    """The parameters that took at least two values, and those among these that all trials have.

    The second list is empty only if the first is: a parameter that some trials lack has a
    condition on another parameter, which then took two values as well.
    """
    varied = [
        name
        for name in study.spec.search_space
        if len({t.params[name] for t in complete if name in t.params}) > 1
    ]
    return varied, [name for name in varied if all(name in t.params for t in complete)]


def _draw_curves(path: Path, study: Study, complete: list[FrozenTrial]) -> None:
    """Draw the learning curves of each combination of choices, or else of the ten best trials."""
    if not complete:
        return
    chosen = _by_choices(study, complete)
    if not 1 < len(chosen) <= MOST_CURVES:
        best = sorted(complete, key=lambda t: study.spec.study.rank(t.value))[:MOST_CURVES]
        chosen = {f"trial {trial.number}": [trial] for trial in best}
    curves = {name: [t.intermediate_values for t in trials] for name, trials in chosen.items()}
    learning_curves(path, curves, study.spec.study.metric)


def _by_choices(study: Study, complete: list[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
    """Group trials that differ in their repetition, or in numbers, alone."""
    groups: dict[str, list[FrozenTrial]] = {}
    space = study.spec.search_space
    categorical = [n for n, p in space.items() if p.type == "categorical" and n != "repeat"]
    for trial in complete:
        values = [f"{n} {trial.params[n]}" for n in categorical if n in trial.params]
        groups.setdefault(", ".join(values), []).append(trial)
    return groups


def _plots(varied: list[str], shared: list[str]) -> dict[str, tuple[str, dict[str, list[str]]]]:
    """Optuna's function for each plot by the file's name, with its arguments."""
    some = shared[:4]  # a contour matrix of more cannot be read
    plots: dict[str, tuple[str, dict[str, list[str]]]] = {
        "history": ("plot_optimization_history", {}),
        "importances": ("plot_param_importances", {"params": shared}),
        "parallel_coordinates": ("plot_parallel_coordinate", {"params": shared}),
        "slice": ("plot_slice", {"params": varied}),
    }
    if len(some) > 1:
        plots["contour"] = "plot_contour", {"params": some}
    return plots


@decorative  # it undoes the style that Optuna sets for the whole process
def _draw(path: Path, study: Study, plot: str, arguments: Mapping[str, list[str]]) -> None:
    import matplotlib as mpl

    mpl.use("agg")  # a display may be missing, and pyplot would ask for one
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as figures

    warnings.simplefilter("ignore", ExperimentalWarning)
    axes = np.ravel(getattr(figures, plot)(study.optuna_study(), **arguments))
    figure = axes[0].figure
    _label_plainly(figure.axes)
    figure.set_size_inches(max(9, 3.2 * len(axes) ** 0.5), max(5, 2.6 * len(axes) ** 0.5))
    figure.savefig(path, dpi=90, bbox_inches="tight")
    pyplot.close(figure)


def _label_plainly(axes: Iterable[Axes]) -> None:
    """Write powers of ten as 1e-03: typesetting them takes longer than the rest of a plot."""
    from matplotlib.ticker import LogFormatter

    for one in axes:
        for axis in (one.xaxis, one.yaxis):
            if axis.get_scale() == "log":
                axis.set_major_formatter(LogFormatter())
                axis.set_minor_formatter(LogFormatter())


Curve = Mapping[int, float]


@decorative
def learning_curves(path: Path, curves: Mapping[str, Sequence[Curve]], quantity: str) -> None:
    """Draw for each name the mean of its curves, with a band from the lowest to the highest.

    Args:
        path: The PNG file to write.
        curves: By name, one or more curves of the same settings: values by epoch. Where some end
            earlier than others, the mean is of the longer ones.
        quantity: The name of the metric.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

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
