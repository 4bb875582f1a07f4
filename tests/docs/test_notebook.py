"""The notebook: it is committed without outputs, runs from top to bottom, and shows progress."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from studyhall import Observer, UsageError, recorded_trials
from studyhall.search.runner.notebook_view import usual_observer

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
TROUBLE = """\
from threading import Thread
from studyhall.search.runner.notebook_view import NotebookView

view = NotebookView()
view.start("Fetching <images>", 1000)
view.advance(400)
thread = Thread(target=view.note, args=["MLflow is away"])
thread.start()
thread.join()
"""


def read() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed(folder) -> list[NotebookNode]:
    """The cells of code after a run in an empty folder, whose first error ends it.

    The last one is not the notebook's: a fetch and a note from another thread, as the sender's.
    """
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "STUDYHALL_"))}
    # What the engines' progress bars say where Jupyter has no widgets.
    environment = {**own, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore:IProgress not found"}
    notebook = read()
    notebook.cells.append(nbformat.v4.new_code_cell(TROUBLE))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return code(client.nb)


def test_it_is_committed_without_outputs():
    assert not [cell for cell in code(read()) if cell.outputs or cell.execution_count]


def test_the_launch_shows_where_it_stands_in_one_output(executed):
    launch = next(cell for cell in executed if "launch(" in cell.source)
    views = [output for output in launch.outputs if output.output_type == "display_data"]
    assert len(views) == 1
    assert "notebook: 10 of 10 trials: " in views[0]["data"]["text/plain"]
    assert '<progress value="10" max="10">' in views[0]["data"]["text/html"]


def test_a_fetch_and_what_happens_elsewhere_are_shown_in_one_output(executed):
    (view,) = executed[-1].outputs
    assert view["data"]["text/plain"] == "Fetching <images>\nMLflow is away"
    assert '<progress value="400" max="1000">' in view["data"]["text/html"]
    assert "Fetching &lt;images&gt;" in view["data"]["text/html"]


def test_nothing_is_written_to_stderr(executed):
    streams = [output for cell in executed for output in cell.outputs if "name" in output]
    assert [stream.text for stream in streams if stream.name == "stderr"] == []


def test_it_shows_a_table_and_a_picture(executed):
    shown = [output["data"] for cell in executed for output in cell.outputs if "data" in output]
    assert any("hidden_size" in data.get("text/html", "") for data in shown)
    assert any("image/png" in data for data in shown)


@pytest.mark.usefixtures("executed")
def test_its_trials_can_be_read_elsewhere_as_a_table(folder):
    trials = recorded_trials("notebook", folder / "studyhall.journal")
    assert list(trials["number"]) == list(range(10))
    assert set(trials["state"]) <= {"complete", "pruned"}
    assert trials["parameter.learning_rate"].between(1e-3, 1.0).all()
    assert (trials["reason"].notna() == (trials["state"] == "pruned")).all()
    assert trials["parameter.hidden_size"].dtype == "Int64"


@pytest.mark.usefixtures("executed")
def test_an_unknown_study_has_no_trials(folder):
    with pytest.raises(UsageError, match="Did you mean 'notebook'"):
        recorded_trials("notebok", folder / "studyhall.journal")


def test_a_plain_script_is_told_nothing():
    assert type(usual_observer()) is Observer
