"""Hyperparameter search over small NumPy networks: Optuna proposes, MLflow records.

The same functions as the command line calls::

    from studyhall import Options, champion, launch, load_study

    summary = launch(load_study("cifar10"), Options(jobs=2))
    labels = champion("cifar10").classifier.predict(images)

A launch in a notebook shows its progress; `recorded_trials` gives what it left as a table.
Everything is imported when it is first used: `studyhall --help` needs none of the engines.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # `typing` may be a file in the working folder of `python -m studyhall`

if TYPE_CHECKING:
    import typing

    from studyhall.search.common.errors import StudyhallError, UsageError
    from studyhall.search.common.options import Options
    from studyhall.search.config.study_file import load_study, make_study
    from studyhall.search.config.study_spec import StudySpec
    from studyhall.search.data.data_targets import fetch_data, verify_data
    from studyhall.search.data.verification import Verification
    from studyhall.search.evaluation.champion import champion
    from studyhall.search.evaluation.evaluation import Evaluation
    from studyhall.search.evaluation.predictions import Prediction, classify
    from studyhall.search.evaluation.reference import find_systems
    from studyhall.search.evaluation.replay import replay_runs
    from studyhall.search.evaluation.reproduction import reproduce
    from studyhall.search.evaluation.verdict import Verdict, judge, recorded_ledger
    from studyhall.search.reports.export import export_study, recorded_trials
    from studyhall.search.reports.report import write_report
    from studyhall.search.reports.study_comparison import Comparison, compare_recorded
    from studyhall.search.runner.finals import train_finalists
    from studyhall.search.runner.launcher import launch
    from studyhall.search.runner.stopping import Stopping, stop
    from studyhall.search.study.observer import Observer
    from studyhall.search.study.recorded import recorded_summary
    from studyhall.search.study.summary import Best, StudySummary
    from studyhall.search.study.trial_result import TrialResult
    from studyhall.search.sync.doctor import Examination, examine
    from studyhall.search.sync.sync_studies import SyncResult, sync_studies
    from studyhall.search.tracking.ledger import Ledger, Reading
    from studyhall.search.tracking.registry import Champion
    from studyhall.search.training.checking import check_gradients

__all__ = [
    "Best",
    "Champion",
    "Comparison",
    "Evaluation",
    "Examination",
    "Ledger",
    "Observer",
    "Options",
    "Prediction",
    "Reading",
    "Stopping",
    "StudySpec",
    "StudySummary",
    "StudyhallError",
    "SyncResult",
    "TrialResult",
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
    "stop",
    "sync_studies",
    "train_finalists",
    "verify_data",
    "write_report",
]

_HOMES = {
    "Best": "study.summary",
    "Champion": "tracking.registry",
    "Comparison": "reports.study_comparison",
    "Evaluation": "evaluation.evaluation",
    "Examination": "sync.doctor",
    "Observer": "study.observer",
    "Options": "common.options",
    "Prediction": "evaluation.predictions",
    "Ledger": "tracking.ledger",
    "Reading": "tracking.ledger",
    "SyncResult": "sync.sync_studies",
    "Stopping": "runner.stopping",
    "StudySpec": "config.study_spec",
    "StudySummary": "study.summary",
    "StudyhallError": "common.errors",
    "TrialResult": "study.trial_result",
    "UsageError": "common.errors",
    "Verdict": "evaluation.verdict",
    "Verification": "data.verification",
    "champion": "evaluation.champion",
    "check_gradients": "training.checking",
    "classify": "evaluation.predictions",
    "compare_recorded": "reports.study_comparison",
    "examine": "sync.doctor",
    "export_study": "reports.export",
    "fetch_data": "data.data_targets",
    "find_systems": "evaluation.reference",
    "judge": "evaluation.verdict",
    "launch": "runner.launcher",
    "load_study": "config.study_file",
    "make_study": "config.study_file",
    "recorded_ledger": "evaluation.verdict",
    "recorded_summary": "study.recorded",
    "recorded_trials": "reports.export",
    "replay_runs": "evaluation.replay",
    "reproduce": "evaluation.reproduction",
    "sync_studies": "sync.sync_studies",
    "stop": "runner.stopping",
    "train_finalists": "runner.finals",
    "verify_data": "data.data_targets",
    "write_report": "reports.report",
}


def __getattr__(name: str) -> typing.Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'studyhall' has no attribute '{name}'")
    value = getattr(import_module(f"studyhall.search.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What may be imported, for those who complete names or look around."""
    return __all__
