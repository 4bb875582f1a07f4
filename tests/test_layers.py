"""The layers: who may import whom, and what the command line may cost before it does anything."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINES = {"optuna", "mlflow", "joblib", "sqlalchemy", "distributed"}
HOMES = {
    "optuna": {
        *(
            "claim",
            "claims",
            "database_check",
            "database_errors",
            "evolution",
            "finalists",
            "gaussian_process",
            "journal",
            "outcomes",
        ),
        *("postgres", "report_figures", "space", "storage"),
        *("studies", "study", "study_figures", "summary", "window"),
    },
    "cmaes": {"evolution"},
    "torch": {"gaussian_process"},
    "sqlalchemy": {"database_check", "database_errors", "mlflow_errors", "postgres", "tracking"},
    "mlflow": {
        *("artifact_store", "mlflow_check", "mlflow_http"),
        *("first_layers", "mlflow_database", "mlflow_errors", "mlflow_model", "recorded_trial"),
        *("registry", "stored_runs", "tracker", "tracking", "trained"),
    },
    "joblib": {"cluster_workers", "workers"},
    "distributed": {"cluster", "cluster_tasks"},
    "typer": {
        *("arguments", "champion_commands", "cli", "data_commands", "entry", "record_commands"),
        *("report_commands", "service_commands"),
    },
    "rich": {
        *("champion_view", "confusion_view", "live_view", "report_terminal", "terminal"),
        "wide_table",
    },
    "jinja2": {"report_page"},
    "plotly": {"report_page"},
    "pandas": {"trial_table"},
    "IPython": {"notebook_view"},
}


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere, in functions too, but not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = f"{path.parent.name}.{node.module}" if node.level else str(node.module)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)} - {path.parent.name}


@pytest.mark.parametrize("path", sorted((ROOT / "model").glob("*.py")), ids=lambda p: p.stem)
def test_model_imports_numpy_safetensors_and_the_standard_library_alone(path):
    assert tops(path) <= {"numpy", "safetensors"} | set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", sorted((ROOT / "search").glob("*.py")), ids=lambda p: p.stem)
def test_each_engine_is_imported_in_its_own_place(path):
    strangers = {engine for engine in tops(path) & set(HOMES) if path.stem not in HOMES[engine]}
    assert not strangers


def test_the_test_split_is_read_by_the_evaluation_alone():
    named = re.compile(r"\bopen_test\b")
    readers = {
        path.stem
        for path in (ROOT / "search").glob("*.py")
        if named.search(path.read_text(encoding="utf-8"))
    }
    assert readers == {"datasets", "evaluation"}


def test_arrays_of_either_split_are_opened_where_data_are_checked_alone():
    openers = {
        path.stem
        for path in (ROOT / "search").glob("*.py")
        if "search.arrays.open_array" in imported(path)
    }
    assert openers == {"datasets", "duplicates", "integrity", "naming", "own_changes"}


def test_there_is_no_import_cycle():
    edges = {
        f"{package}.{path.stem}": imported(path)
        for package in ("model", "search")
        for path in (ROOT / package).glob("*.py")
        if path.stem != "__init__"
    }
    done: set[str] = set()
    while len(done) < len(edges):
        ready = {n for n in edges.keys() - done if not (edges[n] & (edges.keys() - done))}
        assert ready, f"a cycle among {sorted(edges.keys() - done)}"
        done |= ready


@pytest.mark.parametrize(
    "statement",
    [
        "import model",
        "import search",
        "import sys; sys.argv[1:] = ['--help']; "
        "import search.entry\ntry: search.entry.main()\nexcept SystemExit: pass",
    ],
)
def test_cheap_things_load_no_engine(statement):
    report = "import sys; print('loaded', *sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & ENGINES
