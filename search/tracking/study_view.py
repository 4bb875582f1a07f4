"""How MLflow's UI shows a study: its description, its report and the columns that come first."""

from __future__ import annotations

import base64
import json
import zlib
from itertools import accumulate
from textwrap import shorten
from typing import TYPE_CHECKING

from studyhall.search.config.study_spec import FinalistsSpec, StudySpec
from studyhall.search.tracking.mlflow_errors import explained
from studyhall.search.tracking.mlflow_ui import VIEW, run_route
from studyhall.search.tracking.study_runs import REPORT, REPORT_TAG, StudyRun

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_LONGEST_LIST = 3000  # characters of all parameters' names: MLflow limits the lengths of tags
_METRICS = ("value", "test_accuracy")
_TAGS = ("studyhall.state", "studyhall.reason")


def description(spec: StudySpec, report: str | None = None) -> str:
    """Describe a study in Markdown, with the address of its report within the UI if it has one."""
    study, data = spec.study, spec.data_settings
    examples = f"{data.train:,} training and {data.validation:,} validation examples"
    read = f"[Report]({report})." if report else f"`studyhall report {study.name}` writes a report."
    if isinstance(spec, FinalistsSpec):
        return (
            f"Finalists of study **{spec.search}**: its best configurations trained again from "
            f"fresh seeds, for the best {study.metric} by mean on {data.name} ({examples}). Their "
            f"trainings are the runs below; `studyhall status {spec.search}` shows their results. "
            f"{read}"
        )
    finalists = ""
    if wanted := spec.finalists:
        finalists = (
            f" The best {wanted.configurations} are trained again from {wanted.seeds} fresh seeds "
            "each, and the best by mean is the champion."
        )
    searched = shorten(", ".join(spec.search_space), _LONGEST_LIST, placeholder=", …")
    return (
        f"Study **{study.name}**: {study.sampler} search over {searched}, "
        f"pruner {study.pruner}, seed {study.seed}, for the best {study.metric} on {data.name} "
        f"({examples}).{finalists} "
        f"Its trials are the runs below; `studyhall status {study.name}` shows their results. "
        f"{read}"
    )


def _view(spec: StudySpec) -> str:
    """A view with values and parameters as the first columns, as the UI itself encodes it."""
    metrics = [f"metrics.`{name}`" for name in _METRICS]
    lengths = accumulate(len(name) for name in spec.search_space)
    shown = (
        name for name, sum_ in zip(spec.search_space, lengths, strict=True) if sum_ <= _LONGEST_LIST
    )
    parameters = [f"params.`{name}`" for name in shown]
    tags = [f"tags.`{name}`" for name in _TAGS]
    view = {
        "orderByKey": "attributes.start_time",  # any other order hides which run is whose parent
        "orderByAsc": True,
        "searchFilter": "",
        "selectedColumns": [*metrics, *parameters, *tags],
    }
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(view).encode())).decode()


def show_study(
    client: MlflowClient, study_run: StudyRun, spec: StudySpec, *, above: bool = True
) -> None:
    """Set the description of a study in MLflow's UI, and the view of its experiment.

    The view can be opened by its address. A study of finalists is not `above` the other runs of the
    experiment, and leaves that as its search has set it.
    """
    report = None
    with explained("the study's run"):
        if REPORT_TAG in client.get_run(study_run.run_id).data.tags:
            report = f"{run_route(study_run.experiment_id, study_run.run_id)}/artifacts/{REPORT}"
        note = description(spec, report)
        client.set_tag(study_run.run_id, "mlflow.note.content", note)
    if not above:
        return
    with explained("the study's experiment"):
        known = client.get_experiment(study_run.experiment_id).tags
        tags = {
            "mlflow.experimentKind": "custom_model_development",  # not one of traces
            "mlflow.note.content": note,
            f"mlflow.sharedViewState.{VIEW}": _view(spec),
        }
        for name, value in tags.items():
            if known.get(name) != value:
                client.set_experiment_tag(study_run.experiment_id, name, value)
