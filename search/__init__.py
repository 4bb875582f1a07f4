"""Hyperparameter search over small NumPy networks: Optuna proposes, MLflow records.

The same functions as the command line calls:

    from search import Options, champion, launch, load_study

    summary = launch(load_study("cifar10"), Options(jobs=2))
    labels = champion("cifar10").classifier.predict(images)

They are imported when they are first used: `studyhall --help` needs none of the engines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.checking import check_gradients
    from search.errors import StudyhallError, UsageError
    from search.export import export_study
    from search.launcher import launch
    from search.options import Options
    from search.reference import find_systems
    from search.registry import Champion, champion
    from search.replay import replay_runs
    from search.reporting import write_report
    from search.reproduction import reproduce
    from search.study_file import load_study
    from search.study_spec import StudySpec
    from search.summary import StudySummary
    from search.verdict import judge

__all__ = [
    "Champion",
    "Options",
    "StudySpec",
    "StudySummary",
    "StudyhallError",
    "UsageError",
    "champion",
    "check_gradients",
    "export_study",
    "find_systems",
    "judge",
    "launch",
    "load_study",
    "replay_runs",
    "reproduce",
    "write_report",
]

_HOMES = {
    "Champion": "registry",
    "Options": "options",
    "StudySpec": "study_spec",
    "StudySummary": "summary",
    "StudyhallError": "errors",
    "UsageError": "errors",
    "champion": "registry",
    "check_gradients": "checking",
    "export_study": "export",
    "find_systems": "reference",
    "judge": "verdict",
    "launch": "launcher",
    "load_study": "study_file",
    "replay_runs": "replay",
    "reproduce": "reproduction",
    "write_report": "reporting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'search' has no attribute '{name}'")
    value = getattr(import_module(f"search.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
