"""Optuna's own figures of a study, as pictures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from search.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable


def write_figures(study: Study, folder: Path) -> list[Path]:
    """Draw history, parameter importances, parallel coordinates, contour and slice of a study.

    Only what the completed trials allow is drawn: two trials at least, and parameters that took
    two values at least. Where trials are compared in several parameters at once, only parameters
    that all of them have can be; a contour needs two such parameters.

    Args:
        study: The study.
        folder: Where the PNG files are to be.

    Returns:
        The files written.
    """
    complete = [t for t in study.trials() if t.state is TrialState.COMPLETE]
    varied = [
        name
        for name in study.spec.search_space
        if len({t.params[name] for t in complete if name in t.params}) > 1
    ]
    spread = len({t.value for t in complete}) > 1
    if len(complete) < 2 or not varied or not spread:
        return []
    # Never empty: of parameters that some trials lack, the first one's condition asks for another.
    shared = [name for name in varied if all(name in t.params for t in complete)]
    plots = _plots(varied, shared)
    return [_draw(folder / f"{name}.png", plot, study) for name, plot in plots.items()]


def _plots(varied: list[str], shared: list[str]) -> dict[str, Callable[[Any], Any]]:
    import matplotlib as mpl

    mpl.use("agg")  # a display may be missing, and pyplot would ask for one
    from optuna.visualization import matplotlib as figures

    some = shared[:4]  # a contour matrix of more cannot be read
    plots: dict[str, Callable[[Any], Any]] = {
        "history": figures.plot_optimization_history,
        "importances": lambda s: figures.plot_param_importances(s, params=shared),
        "parallel_coordinates": lambda s: figures.plot_parallel_coordinate(s, params=shared),
        "slice": lambda s: figures.plot_slice(s, params=varied),
    }
    if len(some) > 1:
        plots["contour"] = lambda s: figures.plot_contour(s, params=some)
    return plots


def _draw(path: Path, plot: Callable[[Any], Any], study: Study) -> Path:
    from matplotlib import pyplot
    from numpy import ravel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # about layouts and fonts, not about data
        axes = ravel(plot(study.optuna_study()))
        figure = axes[0].figure
        figure.set_size_inches(max(9, 3.2 * len(axes) ** 0.5), max(5, 2.6 * len(axes) ** 0.5))
        figure.savefig(path, dpi=90, bbox_inches="tight")
        pyplot.close(figure)
    return path
