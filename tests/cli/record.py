"""What a folder's MLflow store says of a study, read with MLflow's own client."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.cli.workspace import Workspace


@dataclass(frozen=True)
class Answer:
    """What a trial's run says that must not depend on timing."""

    number: int
    state: str
    reason: str
    parameters: dict[str, float]
    weights: str
    curves: dict[str, tuple[tuple[int, float], ...]]


def client_of(workspace: Workspace) -> MlflowClient:
    return MlflowClient(workspace.tracking_uri)


def child_runs(
    workspace: Workspace, name: str, kind: str = "trial", client: MlflowClient | None = None
) -> list[Run]:
    client = client or client_of(workspace)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    wanted = f"tags.`studyhall.kind` = '{kind}'"
    return list(client.search_runs([experiment.experiment_id], wanted, max_results=1000))


def runs_by_trial(
    workspace: Workspace, name: str, client: MlflowClient | None = None
) -> dict[int, str]:
    """The run of each trial; fails if a trial has two."""
    runs = child_runs(workspace, name, client=client)
    found = {int(run.data.tags["studyhall.trial"]): run.info.run_id for run in runs}
    assert len(found) == len(runs)
    return found


def answers(workspace: Workspace, name: str, client: MlflowClient | None = None) -> list[Answer]:
    """Every trial's parameters, curves, state and weights, in the order of the numbers."""
    client = client or client_of(workspace)
    runs = runs_by_trial(workspace, name, client)
    return [_answer(client, run_id) for _, run_id in sorted(runs.items())]


def _answer(client: MlflowClient, run_id: str) -> Answer:
    run = client.get_run(run_id)
    keys = [key for key in run.data.metrics if key != "seconds"]
    return Answer(
        number=int(run.data.tags["studyhall.trial"]),
        state=run.info.status,
        reason=run.data.tags.get("studyhall.reason", ""),
        parameters={name: float(value) for name, value in run.data.params.items()},
        weights=run.data.tags.get("studyhall.weights_sha256", ""),
        curves={
            key: tuple((m.step, m.value) for m in client.get_metric_history(run_id, key))
            for key in keys
        },
    )
