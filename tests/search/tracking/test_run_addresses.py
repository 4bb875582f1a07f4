"""The names that a user may give a run."""

from __future__ import annotations

import pytest

from studyhall import UsageError
from studyhall.search.tracking.run_addresses import RunAddress, parse_run

RUN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        (RUN, None),
        (f"runs:/{RUN}", None),
        (f"runs:/{RUN}/model", None),
        (f"http://127.0.0.1:5000/#/experiments/1/runs/{RUN}", "http://127.0.0.1:5000"),
        (f"http://127.0.0.1:5000/#/experiments/1/runs/{RUN}/artifacts", "http://127.0.0.1:5000"),
        (f"http://h/#/experiments/1/runs/{RUN}/artifacts/model/data", "http://h"),
        (f"https://h:80/mlflow/#/experiments/1/runs/{RUN}?tab=x", "https://h:80/mlflow"),
    ],
)
def test_a_run_has_many_names(text, server):
    assert parse_run(text) == RunAddress(RUN, server)


@pytest.mark.parametrize(
    "text",
    ["", "runs:/", "a b", "small.toml", f"models:/{RUN}", f"{RUN}/artifacts", "http://h/#/experiments/1",
     f"http://h/experiments/1/runs/{RUN}", f"file:///#/experiments/1/runs/{RUN}"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_run(text)
    assert str(refused.value) == (
        "RUN: must be the id of a run, runs:/ID, or the address of one run in MLflow's UI, "
        f"got '{text}'"
    )


@pytest.mark.parametrize(
    ("tracking_uri", "stores"), [(None, [None, "http://h"]), ("sqlite:///x.db", ["sqlite:///x.db"])]
)
def test_what_the_user_names_is_the_only_store_that_is_asked(tracking_uri, stores):
    assert RunAddress(RUN, "http://h").stores(tracking_uri) == stores
    assert RunAddress(RUN).stores(tracking_uri) == [tracking_uri]
