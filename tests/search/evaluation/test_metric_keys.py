"""The keys of the metrics of classes: valid and distinct, whatever classes are called."""

from __future__ import annotations

from mlflow.tracking import MlflowClient

from studyhall.search.evaluation.verdict import _BY_CLASS, _metric_keys


def test_every_class_has_a_key_that_mlflow_takes(uri):
    names = [*(f"{'é' * 300}{n}" for n in range(256)), "a/b", "a_b", "a:b", "", "..", "x" * 233]
    keys = _metric_keys(names)
    assert list(keys.values()) == names
    assert list(keys)[256:259] == ["a_b", "a_b_", "a_b__"]
    client = MlflowClient(uri)
    run_id = client.create_run(client.create_experiment("classes")).info.run_id
    for key in keys:
        client.log_metric(run_id, f"{_BY_CLASS}{key}", 1.0)
    assert len(client.get_run(run_id).data.metrics) == len(names)
