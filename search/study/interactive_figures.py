"""The interactive figures of a report: Optuna's own of a study, and its learning curves."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.study.study import Study
from studyhall.search.study.study_figures import comparable_parameters
from studyhall.search.study.trial_result import TrialResult, best_first

MOST_CURVES = 10
MOST_POINTS = 20_000  # of all pruned curves together: more would take megabytes
HEIGHT, TOP = 420, 30  # pixels: of a figure, and its margin above
# A contour holds a grid of every pair of values: of 1,000 trials in four parameters it takes 42 MB.
CONTOUR_TRIALS = 100
CONTOUR_PARAMETERS = 4


@dataclass(frozen=True)
class Figure:
    """A figure of plotly's, as JSON, with what it shows in a sentence."""

    name: str
    title: str
    description: str
    plotly: str


def study_figures(study: Study) -> list[Figure]:
    """Optuna's figures of a study's completed trials, as far as these allow.

    The history needs a completed trial; all others need two, and a parameter that took two values;
    importances, parallel coordinates and contour need two values of the metric besides, and a
    contour a second parameter that all trials have.
    """
    complete = [t for t in study.trials() if t.state is TrialState.COMPLETE]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # about scales, not about data
        return list(_figures(study, complete))


class _Read(optuna.Study):
    """A study that is only looked at: its trials are not copied for each look, a dozen a report."""

    @classmethod
    def of(cls, study: optuna.Study) -> Self:
        return cls(study.study_name, study._storage)

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return super().get_trials(deepcopy=False, states=states)


def _figures(study: Study, complete: Sequence[FrozenTrial]) -> Iterator[Figure]:
    from optuna import visualization as figures

    if not complete:
        return
    varied, shared = comparable_parameters(study, complete)
    metric, whole = study.spec.study.metric, _Read.of(study.optuna_study())

    def figure(
        name: str,
        title: str,
        description: str,
        plot: Callable[[Any], Any],
        of: Any = whole,
        height: int = HEIGHT,
    ) -> Figure:
        drawn = plot(of).update_layout(title=None, height=height, margin={"t": TOP})
        return Figure(name, title, description, drawn.to_json())

    yield figure(
        "history",
        "History",
        f"The {metric} of each completed trial, and the best so far.",
        lambda s: figures.plot_optimization_history(s, target_name=metric),
    )
    if len(complete) < 2 or not varied:
        return
    if len({trial.value for trial in complete}) > 1:
        yield figure(
            "importances",
            "Importances",
            f"How much of the spread of {metric} each parameter accounts for (PED-ANOVA).",
            lambda s: figures.plot_param_importances(s, params=shared, target_name=metric),
        )
        yield figure(
            "parallel_coordinates",
            "Parallel coordinates",
            f"A line for each completed trial, through its parameters and its {metric}.",
            lambda s: figures.plot_parallel_coordinate(s, params=shared, target_name=metric),
        )
        if len(shared) > 1:
            some = shared[:CONTOUR_PARAMETERS]
            chosen = _evenly_by_rank(complete)
            of = "" if len(chosen) == len(complete) else f" of {len(chosen)} trials, best to worst"
            yield figure(
                "contour",
                "Contour",
                f"The {metric}{of} over each pair of parameters.",
                lambda s: figures.plot_contour(s, params=some, target_name=metric),
                _holding(chosen, study.spec),
                max(HEIGHT, 230 * len(some)),
            )
    yield figure(
        "slice",
        "Slice",
        f"The {metric} of each completed trial by each parameter.",
        lambda s: figures.plot_slice(s, params=varied, target_name=metric),
    )


def _evenly_by_rank(complete: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """At most so many trials as a contour can hold, the best and the worst among them."""
    ranked = sorted(complete, key=lambda trial: trial.value or 0.0)
    if len(ranked) <= CONTOUR_TRIALS:
        return ranked
    step = (len(ranked) - 1) / (CONTOUR_TRIALS - 1)
    return [ranked[round(step * place)] for place in range(CONTOUR_TRIALS)]


def _holding(trials: Sequence[FrozenTrial], spec: StudySpec) -> optuna.Study:
    held = optuna.create_study(direction=spec.study.direction)
    held.add_trials(trials)
    return held


def curve_figure(rows: Sequence[TrialResult], spec: StudySpec) -> Figure | None:
    """The learning curves of the best trials by name, and those of all pruned ones in grey.

    Args:
        rows: The study's trials.
        spec: The study.

    Returns:
        The figure; None if no trial was looked at after an epoch.
    """
    ranked = best_first([row for row in rows if row.curve], spec)
    best = [row for row in ranked if row.state == "complete"][:MOST_CURVES]
    pruned = [row for row in ranked if row.state == "pruned"]
    if not best and not pruned:
        return None
    step = -(-sum(len(row.curve) for row in pruned) // MOST_POINTS)
    traces = [_pruned_trace(pruned, step)] if pruned else []
    traces += [_best_trace(row) for row in best]
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
    return Figure("learning_curves", "Learning curves", described, plotly)


def _best_trace(row: TrialResult) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"trial {row.number}",
        "x": list(row.curve),
        "y": list(row.curve.values()),
    }


def _pruned_trace(rows: Sequence[TrialResult], step: int) -> dict[str, object]:
    """All curves in one trace, with a gap between them: hundreds of traces are slow to draw.

    Args:
        rows: The trials.
        step: Of each curve every so many epochs are shown, counted back from its last.
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
