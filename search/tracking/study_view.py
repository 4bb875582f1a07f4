"""How MLflow's UI shows a study: what its experiment is, and which columns come first."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

from studyhall.search.config.study_spec import FinalistsSpec, StudySpec
from studyhall.search.tracking.mlflow_ui import VIEW, run_route
from studyhall.search.tracking.study_runs import (
    REPORT,
    StudyRun,
    has_report,
    show_experiment,
    show_run,
)

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_METRICS = ("value", "test_accuracy")
_TAGS = ("studyhall.state", "studyhall.reason")


def experiment_tags(spec: StudySpec, note: str) -> dict[str, str]:
    """The tags of a study's experiment that MLflow's UI goes by.

    The experiment is one of training, not of traces, and a view of it that can be opened by its
    address has values and parameters as the first columns.

    Args:
        spec: The study.
        note: Its description.
    """
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": note,
        f"mlflow.sharedViewState.{VIEW}": _packed(_view(spec)),
    }


def description(spec: StudySpec, report: str | None = None) -> str:
    """What a study is, in words, for the top of its page; Markdown.

    Args:
        spec: The study.
        report: The address of its report, if it has one; within the UI.
    """
    study, data = spec.study, spec.data_settings
    examples = f"{data.train:,} training and {data.validation:,} validation examples"
    read = f"[Report]({report})." if report else f"`studyhall report {study.name}` writes a report."
    if isinstance(spec, FinalistsSpec):
        return (
            f"Finalists of study **{spec.search}**: its best configurations trained again from "
            f"fresh seeds, for the best {study.metric} by mean on {data.name} ({examples}). Their "
            f"trainings are the runs below; `studyhall status {spec.search}` says how they did. "
            f"{read}"
        )
    finalists = ""
    if wanted := spec.finalists:
        finalists = (
            f" The best {wanted.configurations} are trained again from {wanted.seeds} fresh seeds "
            "each, and the best by mean is the champion."
        )
    return (
        f"Study **{study.name}**: {study.sampler} search over {', '.join(spec.search_space)}, "
        f"pruner {study.pruner}, seed {study.seed}, for the best {study.metric} on {data.name} "
        f"({examples}).{finalists} "
        f"Its trials are the runs below; `studyhall status {study.name}` says where it stands. "
        f"{read}"
    )


def _view(spec: StudySpec) -> dict[str, object]:
    metrics = [f"metrics.`{name}`" for name in _METRICS]
    parameters = [f"params.`{name}`" for name in spec.search_space]
    tags = [f"tags.`{name}`" for name in _TAGS]
    return {
        "orderByKey": "attributes.start_time",  # any other order hides who is below whom
        "orderByAsc": True,
        "searchFilter": "",
        "selectedColumns": [*metrics, *parameters, *tags],
    }


def _packed(view: dict[str, object]) -> str:
    """A view as the UI itself writes it into the tag."""
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(view).encode())).decode()


def show_study(
    client: MlflowClient, study_run: StudyRun, spec: StudySpec, *, above: bool = True
) -> None:
    """Have MLflow's UI say what a study is, lead to its report, and show what matters first.

    Args:
        client: An open client.
        study_run: The study's run.
        spec: The study.
        above: Whether it stands above all runs of its experiment, as finalists do not.
    """
    report = None
    if has_report(client, study_run):
        report = f"{run_route(study_run.experiment_id, study_run.run_id)}/artifacts/{REPORT}"
    note = description(spec, report)
    show_run(client, study_run, note)
    if above:
        show_experiment(client, study_run.experiment_id, experiment_tags(spec, note))
