"""Misuse: one sentence on stderr, exit code 2, and nothing started."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.cli.workspace import SMALL, Workspace

PLACE = "(a place in the working folder)"


def complaints(workspace: Workspace, *arguments: object, code: int = 2) -> list[str]:
    stdout, stderr = workspace.run(*arguments, code=code)
    assert stdout == ""
    assert "Traceback" not in stderr
    return [line.removeprefix("studyhall: ") for line in stderr.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["launch", "cifar11"],
            ["No study named 'cifar11'. Did you mean 'cifar10' or 'cifar10_grid' or "
             "'cifar10_best'? `studyhall list` shows all. The path of a study file ends in .toml."],
        ),
        (["launch", "small.toml", "--jobs", "0"], ["--jobs: must be at least 1, got 0"]),
        (["launch", "small.toml", "--trials", "-3"], ["--trials: must be at least 1, got -3"]),
        (["launch", "small.toml", "--timeout", "0"], ["--timeout: must be above 0, got 0.0"]),
        (
            ["launch", "small.toml", "--jobs", "0", "--trials", "0", "--set", "study.seed=-1"],
            ["--trials: must be at least 1, got 0",
             "--jobs: must be at least 1, got 0",
             "--set: study.seed: must be at least 0, got -1"],
        ),
        (
            ["launch", "small.toml", "--set", "data.train=60000"],
            ["data.train and data.validation: each must be at least 1 and both together at most "
             "50000, got 60000 and 500; lower data.train or data.validation"],
        ),
        (
            ["launch", "small.toml", "--set", "data.test=20000"],
            ["data.test: must be at most 10000, got 20000; lower data.test"],
        ),
        (
            ["launch", "small.toml", "--name", "a b"],
            ["--name: must be letters, digits, '.', '_' and '-', and begin with a letter or "
             "digit, got 'a b'"],
        ),
        (["launch", "small.toml", "--set", "finalists.seeds=0"],
         ["--set: finalists.seeds: must be at least 1, got 0"]),
        (["finalists", "small.toml", "--configurations", "0", "--seeds", "-1", "--timeout", "0"],
         ["--configurations: must be at least 1, got 0",
          "--seeds: must be at least 1, got -1",
          "--timeout: must be above 0, got 0.0"]),
        (["finalists", "cifar10"],
         ["cifar10: no trial was run here yet; start with `studyhall launch cifar10`"]),
        (["evaluate", "small.toml"], None),
        (["status", "cifar10"],
         ["cifar10: no trial was run here yet; start with `studyhall launch cifar10`"]),
        (["best", "cifar1"],
         ["No study named 'cifar1'. Did you mean 'cifar10' or 'cifar10_grid' or 'cifar10_best'? "
          "`studyhall list` shows all."]),
        (["replay", "0123456789abcdef0123456789abcdef"], None),
        (
            ["data", "fetch", "cifar"],
            ["cifar: must be a data set (cifar10, mnist, two_blobs, two_moons), a study that ships "
             "or the path of a study file; the nearest is 'cifar10'"],
        ),
        (
            ["launch", "small.toml", "--set", "data.name=pets", "--set", "data.path=no/where"],
            [f"data.path: must name a folder of images by class or a .npz file, got {PLACE} "
             "(nothing there); correct it, or name where the data are now with --data-dir"],
        ),
        (["launch"], None),
        (["lanch", "cifar10"], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_misuse_is_named_and_starts_nothing(workspace, arguments, expected):
    workspace.write()
    found = complaints(workspace, *arguments)
    wanted = [line.replace(PLACE, str(workspace.folder / "no/where")) for line in expected or ()]
    assert found == wanted if expected else len(found) == 1, found
    assert [path.name for path in workspace.folder.iterdir()] == ["small.toml"]


def test_every_mistake_of_a_study_file_is_reported_at_once(workspace):
    text = SMALL.replace("trials = 8", "trials = 0").replace("epochs = 4", "epoks = 4")
    workspace.write(text.replace("low = 8, high = 40", "low = 40, high = 8"))
    assert complaints(workspace, "launch", "small.toml") == [
        "small.toml:3: study.trials: must be at least 1, got 0",
        "small.toml:23: search_space.hidden_size: low must be below high, got 40 and 8",
        "small.toml:19: training.epoks: unknown key; did you mean 'epochs'?",
    ]


@pytest.fixture
def hung_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def test_a_tracking_server_that_never_answers_is_named(workspace, hung_server):
    workspace.write()
    found = complaints(workspace, "launch", "small.toml", "--tracking-uri", hung_server)
    assert len(found) == 1
    assert found[0].startswith(
        f"--tracking-uri: no MLflow tracking store answers at {hung_server}; start it, or correct "
        "the option or MLFLOW_TRACKING_URI ("
    )


def test_a_tracking_address_where_nothing_is_is_named(workspace):
    workspace.write()
    address = "http://127.0.0.1:1"
    found = complaints(workspace, "launch", "small.toml", "--tracking-uri", address)
    assert len(found) == 1
    assert found[0].startswith(f"--tracking-uri: no MLflow tracking store answers at {address}; ")
    assert not (workspace.folder / "studyhall.journal").exists()


def test_a_changed_study_says_what_differs_and_how_to_go_on(finished, tmp_path):
    found = complaints(finished, "launch", "small.toml", "--set", "training.batch_size=50")
    assert found == [
        "small: the study changed since its trials were run (training.batch_size was 100 and is "
        "50); run it under another name with --name, or set its trials aside with --fresh"
    ]


def test_a_file_that_is_not_an_image_is_named_with_all_others(finished, tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("not an image")
    found = complaints(finished, "predict", "small", text, tmp_path / "missing.png")
    assert len(found) == 2
    assert found[0] == (
        f"{text}: must be an image in one of the formats PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM; "
        "name another"
    )
    assert found[1] == f"{tmp_path / 'missing.png'}: no such image"


def test_evaluating_before_any_trial_finished_says_what_to_do(workspace):
    assert complaints(workspace, "evaluate", "cifar10") == [
        "cifar10: no champion is registered here; launch the study until a trial has completed"
    ]


def test_debug_shows_the_traceback(workspace):
    for words in (["--debug", "status", "cifar10"], ["status", "cifar10", "--debug"]):
        _, stderr = workspace.run(*words, code=2)
        assert "Traceback" in stderr
