"""The interactive plots of a report: Optuna's own plots of a study, and its learning curves."""

from __future__ import annotations

import json
import warnings
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from studyhall.search.common.pictures import leave_out
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.study import Study
from studyhall.search.study.study_figures import comparable_parameters
from studyhall.search.study.trial_result import TrialResult, best_first

MOST_CURVES = 10
MOST_POINTS = 20_000  # of all pruned curves together: more would take megabytes
HEIGHT, TOP = 420, 30  # the height of a plot and its upper margin, in pixels
# A contour plot holds a grid of every pair of values: 42 MB for 1,000 trials in four parameters.
CONTOUR_TRIALS = 100
CONTOUR_PARAMETERS = 4


@dataclass(frozen=True)
class Figure:
    """A plot as JSON for Plotly, with a sentence that describes it."""

    name: str
    description: str
    plotly: str

    @property
    def title(self) -> str:
        """The heading of the plot."""
        return self.name.replace("_", " ").capitalize()


def study_figures(study: Study) -> list[Figure]:
    """Draw Optuna's plots of a study's completed trials.

    The history needs one completed trial. All others need two, and a parameter that took two
    values. Importances, parallel coordinates and contour also need two values of the metric, and
    the contour a second parameter that all trials have. A plot that fails is left out.
    """
    complete = [t for t in study.trials() if t.state is TrialState.COMPLETE]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # about scales, not about data
        return list(_figures(study, complete))


class _Read(optuna.Study):
    """A study that is only read: its trials are not copied each time, a dozen times per report."""

    @classmethod
    def of(cls, study: optuna.Study) -> Self:
        return cls(study.study_name, study._storage)

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return super().get_trials(deepcopy=False, states=states)


def _figures(study: Study, complete: Sequence[FrozenTrial]) -> Iterator[Figure]:
    if not complete:
        return
    varied, shared = comparable_parameters(study, complete)
    metric, whole = study.spec.study.metric, _Read.of(study.optuna_study())

    def figure(
        name: str, description: str, plot: str, of: Any = whole, **options: Any
    ) -> Iterator[Figure]:
        try:
            from optuna import visualization

            drawn = getattr(visualization, plot)(of, target_name=metric, **options).update_layout(
                title=None,
                height=max(HEIGHT, 230 * len(options["params"])) if name == "contour" else HEIGHT,
                margin={"t": TOP},
            )
            content = drawn.to_json()
        except Exception as error:
            leave_out(f"the plot {name}", f"{type(error).__name__}: {error}")
        else:
            yield Figure(name, description, content)

    text = f"The {metric} of each completed trial, and the best so far."
    yield from figure("history", text, "plot_optimization_history")
    if len(complete) < 2 or not varied:
        return
    if len({trial.value for trial in complete}) > 1:
        text = f"How much of the spread of {metric} each parameter accounts for (PED-ANOVA)."
        yield from figure("importances", text, "plot_param_importances", params=shared)
        text = f"A line for each completed trial, through its parameters and its {metric}."
        yield from figure("parallel_coordinates", text, "plot_parallel_coordinate", params=shared)
        if len(shared) > 1:
            some = shared[:CONTOUR_PARAMETERS]
            chosen = _evenly_by_rank(complete)
            of = "" if len(chosen) == len(complete) else f" of {len(chosen)} trials, best to worst"
            text = f"The {metric}{of} over each pair of parameters."
            held = optuna.create_study(direction=study.spec.study.direction)
            held.add_trials(chosen)
            yield from figure("contour", text, "plot_contour", held, params=some)
    text = f"The {metric} of each completed trial by each parameter."
    yield from figure("slice", text, "plot_slice", params=varied)


def _evenly_by_rank(complete: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """At most as many trials as a contour plot can hold, from the best to the worst."""
    ranked = sorted(complete, key=lambda trial: trial.value or 0.0)
    if len(ranked) <= CONTOUR_TRIALS:
        return ranked
    step = (len(ranked) - 1) / (CONTOUR_TRIALS - 1)
    return [ranked[round(step * place)] for place in range(CONTOUR_TRIALS)]


def curve_figure(rows: Sequence[TrialResult], spec: StudySpec) -> Figure | None:
    """Draw the learning curves of the best trials by name, and those of all pruned ones in grey.

    Args:
        rows: The study's trials.
        spec: The study.

    Returns:
        The plot; None if no trial reported its metric.
    """
    ranked = best_first([row for row in rows if row.curve], spec)
    best = [row for row in ranked if row.state == "complete"][:MOST_CURVES]
    pruned = [row for row in ranked if row.state == "pruned"]
    if not best and not pruned:
        return None
    step = -(-sum(len(row.curve) for row in pruned) // MOST_POINTS)
    traces = [_pruned_trace(pruned, step)] if pruned else []
    traces += [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"trial {row.number}",
            "x": list(row.curve),
            "y": list(row.curve.values()),
        }
        for row in best
    ]
    metric = spec.study.metric
    layout = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": metric.replace("_", " ")}},
        "height": HEIGHT,
        "margin": {"t": TOP},
        "showlegend": True,
    }
    described = f"The {metric} by epoch of the best trials"
    described += f", and of the {len(pruned)} that were pruned" if pruned else ""
    described += f", of which one epoch in {step} is shown, and the last." if step > 1 else "."
    plotly = json.dumps({"data": traces, "layout": layout}, separators=(",", ":"))
    return Figure("learning_curves", described, plotly)


def _pruned_trace(rows: Sequence[TrialResult], step: int) -> dict[str, object]:
    """All curves in one trace, with gaps between them: hundreds of traces are slow to draw.

    Each curve shows every `step`-th epoch, counted back from its last.
    """
    points = [
        (epoch, value and float(f"{value:.5g}"), row.number)
        for row in rows
        for epoch, value in [*list(row.curve.items())[::-step][::-1], (None, None)]
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"pruned ({len(rows)})",
        "x": [epoch for epoch, _, _ in points],
        "y": [value for _, value, _ in points],
        "text": [trial for _, _, trial in points],
        "hovertemplate": "trial %{text}<br>epoch %{x}<br>%{y}<extra></extra>",
        "line": {"color": "rgba(128,128,128,0.35)", "width": 1},
        "marker": {"size": 3},
    }
