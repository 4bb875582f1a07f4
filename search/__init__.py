"""Hyperparameter search over small NumPy networks: Optuna proposes, MLflow records.

The same functions as the command line calls::

    from search import Options, champion, launch, load_study

    summary = launch(load_study("cifar10"), Options(jobs=2))
    labels = champion("cifar10").classifier.predict(images)

A launch in a notebook shows its progress; `recorded_trials` gives what it left as a table.
Everything is imported when it is first used: `studyhall --help` needs none of the engines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.checking import check_gradients
    from search.data_targets import fetch_data, verify_data
    from search.doctor import Examination, examine
    from search.errors import StudyhallError, UsageError
    from search.evaluation import Evaluation
    from search.export import export_study
    from search.finals import train_finalists
    from search.launcher import launch
    from search.ledger import Ledger, Reading
    from search.observer import Observer, Quiet
    from search.options import Options
    from search.outcomes import Outcome
    from search.predictions import Prediction, classify
    from search.recorded import recorded_ledger, recorded_summary
    from search.reference import find_systems
    from search.registry import Champion, champion
    from search.replay import replay_runs
    from search.reporting import write_report
    from search.reproduction import reproduce
    from search.sending import Sent, send_waiting
    from search.stopping import Stopping, stop
    from search.study_comparison import Comparison, compare_recorded
    from search.study_file import load_study, make_study
    from search.study_spec import StudySpec
    from search.summary import Best, StudySummary
    from search.trial_table import recorded_trials
    from search.verdict import Verdict, judge
    from search.verification import Verification

__all__ = [
    "Best",
    "Champion",
    "Comparison",
    "Evaluation",
    "Examination",
    "Ledger",
    "Observer",
    "Options",
    "Outcome",
    "Prediction",
    "Quiet",
    "Reading",
    "Sent",
    "Stopping",
    "StudySpec",
    "StudySummary",
    "StudyhallError",
    "UsageError",
    "Verdict",
    "Verification",
    "champion",
    "check_gradients",
    "classify",
    "compare_recorded",
    "examine",
    "export_study",
    "fetch_data",
    "find_systems",
    "judge",
    "launch",
    "load_study",
    "make_study",
    "recorded_ledger",
    "recorded_summary",
    "recorded_trials",
    "replay_runs",
    "reproduce",
    "send_waiting",
    "stop",
    "train_finalists",
    "verify_data",
    "write_report",
]

_HOMES = {
    "Best": "summary",
    "Champion": "registry",
    "Comparison": "study_comparison",
    "Evaluation": "evaluation",
    "Examination": "doctor",
    "Observer": "observer",
    "Options": "options",
    "Outcome": "outcomes",
    "Prediction": "predictions",
    "Quiet": "observer",
    "Ledger": "ledger",
    "Reading": "ledger",
    "Sent": "sending",
    "Stopping": "stopping",
    "StudySpec": "study_spec",
    "StudySummary": "summary",
    "StudyhallError": "errors",
    "UsageError": "errors",
    "Verdict": "verdict",
    "Verification": "verification",
    "champion": "registry",
    "check_gradients": "checking",
    "classify": "predictions",
    "compare_recorded": "study_comparison",
    "examine": "doctor",
    "export_study": "export",
    "fetch_data": "data_targets",
    "find_systems": "reference",
    "judge": "verdict",
    "launch": "launcher",
    "load_study": "study_file",
    "make_study": "study_file",
    "recorded_ledger": "recorded",
    "recorded_summary": "recorded",
    "recorded_trials": "trial_table",
    "replay_runs": "replay",
    "reproduce": "reproduction",
    "send_waiting": "sending",
    "stop": "stopping",
    "train_finalists": "finals",
    "verify_data": "data_targets",
    "write_report": "reporting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'search' has no attribute '{name}'")
    value = getattr(import_module(f"search.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What may be imported, for those who complete names or look around."""
    return __all__
