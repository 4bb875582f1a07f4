"""How many trials an hour does the default study do on the service, against embedded?

The same study, without its finalists, twice on this machine with two workers: with a journal,
SQLite and loky; and on PostgreSQL, an MLflow server with its files in an S3 store, and a Dask
cluster of two workers, all of which take their share of the same cores.

- trials_an_hour: from the start of the first trial to the end of the last.
- seconds_a_trial: from a trial's start to its end, on average.
- identical: whether parameters, states and weights' SHA-256 of all trials are the same.

Takes about eleven minutes; a number of trials as the argument makes it shorter. The last line is
JSON.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from studyhall import Options, StudySpec, launch, load_study
from studyhall.search.data.datasets import fetch
from tests.postgres import Server as Postgres
from tests.postgres import find_binaries
from tests.service.dask_cluster import DaskCluster
from tests.service.s3 import S3, find_rclone
from tests.service.stack import BUCKET, start_mlflow

WORKERS = 2


def study(trials: int | None) -> StudySpec:
    """Return the default study without its finalists."""
    spec = load_study("cifar10", [f"study.trials={trials}"] if trials else [])
    return spec.model_copy(update={"finalists": None})


def trial_runs(tracking_uri: str) -> list[Run]:
    """Return the runs of all trials, in the order of their numbers."""
    client = MlflowClient(tracking_uri)
    experiment = client.get_experiment_by_name("cifar10")
    wanted = "tags.`studyhall.kind` = 'trial'"
    found = client.search_runs([experiment.experiment_id], wanted, max_results=1000)
    return sorted(found, key=lambda run: int(run.data.tags["studyhall.trial"]))


def results(runs: list[Run]) -> list[Any]:
    """Return what must be the same however the study is run."""
    weights = "studyhall.weights_sha256"
    return [(run.info.status, run.data.params, run.data.tags.get(weights)) for run in runs]


def trials_an_hour(runs: list[Run]) -> float:
    """Return the rate from the first start to the last end."""
    first = min(run.info.start_time for run in runs)
    last = max(run.info.end_time for run in runs)
    return 3600 * len(runs) / ((last - first) / 1000)


def seconds_a_trial(runs: list[Run]) -> float:
    """Return how long a trial took on average, without what lies between two of a worker."""
    return sum(run.info.end_time - run.info.start_time for run in runs) / 1000 / len(runs)


def embedded(spec: StudySpec, folder: Path) -> list[Run]:
    """Run the study as one machine does by default."""
    tracking_uri = f"sqlite:///{folder}/mlflow.db"
    launch(spec, Options(jobs=WORKERS, folder=folder, tracking_uri=tracking_uri))
    return trial_runs(tracking_uri)


def served(spec: StudySpec, folder: Path) -> list[Run]:
    """Run the study on the service."""
    binaries, rclone = find_binaries(), find_rclone()
    if binaries is None or rclone is None:
        raise SystemExit(
            "needs PostgreSQL's server and rclone; see tests/postgres.py, tests/service/s3.py"
        )
    postgres = Postgres(binaries)
    (folder / "s3").mkdir()
    s3 = S3(rclone, folder / "s3")
    s3.new_bucket(BUCKET)
    storage = postgres.new_database()
    mlflow = start_mlflow(folder, postgres.new_database(), s3)
    addresses = {"STUDYHALL_STORAGE": storage, "MLFLOW_TRACKING_URI": mlflow.address}
    cluster = DaskCluster(folder, addresses, WORKERS)
    options = Options(
        folder=folder, storage=storage, tracking_uri=mlflow.address, cluster=cluster.address
    )
    try:
        launch(spec, options)
        return trial_runs(mlflow.address)
    finally:
        cluster.end()
        mlflow.kill()
        s3.stop()
        postgres.remove()


def main() -> None:
    """Print both rates, and whether the results are the same, as one JSON line."""
    fetch("cifar10")
    spec = study(int(sys.argv[1]) if len(sys.argv) > 1 else None)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        on_service = served(spec, Path(one))
        here = embedded(spec, Path(other))
    both = {"service": on_service, "embedded": here}
    rates = {name: trials_an_hour(runs) for name, runs in both.items()}
    figures = {
        "trials": len(here),
        **{f"trials_an_hour_{name}": round(rate, 1) for name, rate in rates.items()},
        **{
            f"seconds_a_trial_{name}": round(seconds_a_trial(runs), 1)
            for name, runs in both.items()
        },
        "ratio": round(rates["service"] / rates["embedded"], 3),
        "identical": results(on_service) == results(here),
    }
    print(json.dumps({"benchmark": "service", **figures}))


if __name__ == "__main__":
    main()
