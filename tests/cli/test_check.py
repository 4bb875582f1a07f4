"""`studyhall check`, and the preflight checks of every launch."""

from __future__ import annotations

import pytest

from tests.cli.workspace import SMALL, Workspace

BROAD = SMALL.replace(
    'hidden = ["hidden_size"]',
    'hidden = ["hidden_size"]\ninitializer = "normal"\ninitial_deviation = 10.0',
)


def test_gradients_of_all_parts_are_compared_before_and_after_training(workspace):
    workspace.write()
    check = workspace.json("check", "small.toml")
    assert check["passed"]
    found = {(c["part"], c["when"], c["array"]) for c in check["compared"]}
    network = "8 hidden units (relu, he)"
    for when in ("before training", "after 50 iterations"):
        for array in ("affine1.weight", "affine2.bias", "all parameters"):
            assert (network, when, array) in found
    assert ("affine layer", "", "weight") in found
    assert ("relu layer", "", "inputs") in found
    assert ("softmax cross entropy", "", "logits") in found
    assert all(c["ratio"] <= 1e-5 for c in check["compared"])
    assert {c["verdict"] for c in check["compared"]} <= {"correct", "close"}


def test_a_table_is_printed_for_people(workspace):
    workspace.write()
    stdout, _ = workspace.run("check", "small.toml")
    row = next(line for line in stdout.splitlines() if "relu layer" in line)
    assert row.split()[-1] == "correct"


def test_a_network_with_dropout_is_refused(workspace):
    workspace.write()
    stdout, stderr = workspace.run("check", "small.toml", "--set", "network.dropout=0.3", code=2)
    assert stdout == ""
    assert stderr == (
        "studyhall: small: dropout: must be 0 for a gradient check, whose loss has to be the same "
        "at every pass, got 0.3; check a study without it, such as this one with `--set "
        "network.dropout=0.0` if it is set there\n"
    )


def test_where_some_networks_have_dropout_the_others_are_checked(workspace):
    dropout = 'dropout = { type = "categorical", choices = [0.0, 0.5] }\n\n[[enqueue]]'
    workspace.write(SMALL.replace("[[enqueue]]", dropout))
    stdout, _ = workspace.run("check", "small.toml")
    assert "not checked: networks with dropout 0.5, whose loss differs at every pass" in stdout


def test_a_network_that_cannot_learn_spends_no_budget(workspace):
    workspace.write(BROAD)
    _, stderr = workspace.run("launch", "small.toml", code=2)
    assert stderr.startswith(
        "studyhall: small: the network with 40 hidden units (relu, normal): initial loss must be "
        "from 0.461 to 11.5, a guess costing 2.3, got "
    )
    assert "; change it, or launch with --no-preflight" in stderr
    assert not (workspace.folder / "studyhall.journal").exists()
    assert workspace.json("list")["recorded"] == {}


def test_the_preflight_checks_can_be_skipped_on_purpose(workspace):
    workspace.write(BROAD)
    workspace.run("launch", "small.toml", "--no-preflight", "--trials", 1, "--jobs", 1)
    assert workspace.json("status", "small")["unfinished"] == 0


@pytest.mark.parametrize(
    ("key", "value"), [("network.activation", "tanh"), ("network.loss", "sigmoid_cross_entropy")]
)
def test_other_parts_are_checked_where_the_study_has_them(workspace: Workspace, key, value):
    workspace.write()
    check = workspace.json("check", "small.toml", "--set", f"{key}={value}")
    parts = {c["part"] for c in check["compared"]}
    assert check["passed"]
    assert {"tanh layer", "sigmoid cross entropy"} & parts


def test_gradients_that_could_not_be_compared_fail_the_check(workspace):
    workspace.write()
    stdout, stderr = workspace.run(
        "check", "small.toml", "--set", "network.initializer=normal",
        "--set", "network.initial_deviation=1e-12", code=1,
    )  # fmt: skip
    assert "nothing compared" in stdout
    assert stderr == (
        "studyhall: small: gradients differ, or could not be compared; see the table\n"
    )


def test_a_rate_that_diverges_is_an_error_and_no_traceback(workspace):
    workspace.write()
    override = 'search_space.learning_rate={ type = "categorical", choices = [1e6] }'
    bare = workspace.folder / "small.toml"
    bare.write_text(bare.read_text().replace("learning_rate = 1e-2", "learning_rate = 1e6"))
    _, stderr = workspace.run("check", "small.toml", "--set", override, code=1)
    assert "training.learning_rate: must let 8 hidden units (relu, he) train" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.mirror=true",
            "training.mirror: must be false for two_blobs, which has no images",
        ),
        ("training.warmup_iterations=30001", "training.warmup_iterations: must be at most 30000"),
    ],
)
@pytest.mark.parametrize("command", ["check", "launch"])
def test_what_the_data_do_not_have_is_found_before_anything_starts(
    workspace, command, override, message
):
    _, stderr = workspace.run(command, "points_regularization", "--set", override, code=2)
    assert message in stderr
    assert "Traceback" not in stderr
