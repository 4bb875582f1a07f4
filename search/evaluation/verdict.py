"""Evaluate a champion on the test split, record the result, and list all such evaluations."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.options import Options
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.data.integrity import test_fingerprint
from studyhall.search.data.recorded_data import fetch_recorded, require_same_data
from studyhall.search.evaluation.champion import champion
from studyhall.search.evaluation.evaluation import Evaluation, evaluate, require_fitting
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import identity_of
from studyhall.search.study.study import Study
from studyhall.search.tracking import ledger
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.registry import Champion
from studyhall.search.tracking.study_runs import TEST_FINGERPRINT, deleted_experiment, own_run
from studyhall.search.training.plots import confusion_picture, titled_images

_BY_CLASS = "test_accuracy_of_"
_LONGEST = 250 - len(_BY_CLASS)  # the characters of a class in a key
_ELSEWHERE = "pass the address that the study was launched with, or set MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class Verdict:
    """A champion and its results on the test split.

    Attributes:
        champion: The model that was evaluated.
        evaluation: Its results.
        run_id: The MLflow run of this evaluation, an entry in the ledger of the test split.
        earlier: The earlier entries of that ledger, by this study and by others.
    """

    champion: Champion
    evaluation: Evaluation
    run_id: str
    earlier: ledger.Ledger

    @property
    def gap(self) -> float | None:
        """The validation accuracy minus the test accuracy; None if the former is unknown."""
        validation = self.champion.validation_accuracy
        return None if validation is None else validation - self.evaluation.accuracy


def judge(
    name: str,
    tracking_uri: str | None = None,
    data_dir: Path | str | None = None,
    progress: Progress = SILENT,
    storage: Path | str | None = None,
) -> Verdict:
    """Evaluate the champion of a study on the test split, and record the result in MLflow.

    The evaluation is entered in the ledger before the test split is read.

    Args:
        name: The study.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.
        data_dir: Folder or archive to take the data set from.
        progress: Callback for the progress of fetching the data.
        storage: The journal file or database of the study; by default in the working folder.

    Raises:
        UsageError: there is no champion, it is not this study's, or the data differ from those it
            was selected on.
        StudyhallError: its files were changed or are gone, or its experiment was deleted.
    """
    winner = champion(name, tracking_uri, storage)
    settings, recorded = winner.settings.data, winner.data_fingerprint
    folder = fetch_recorded(settings, recorded, data_dir, progress, follow=winner.path_is_own)
    require_same_data(folder, settings, recorded)
    client = open_client(tracking_uri)
    if gone := deleted_experiment(client, str(winner.run.info.experiment_id)):
        raise StudyhallError(f"{name}: {gone}")
    siblings = identity_of(read_storage(Options(storage=storage).address), name).siblings
    study_run, model = ledger.study_run_of(client, winner.run), f"{name} version {winner.version}"
    judged = {
        "studyhall.judged_run": str(winner.run.info.run_id),
        "studyhall.judged_version": winner.version,
        TEST_FINGERPRINT: test_fingerprint(folder),
    }
    require_fitting(winner.classifier, folder, settings)
    with ledger.reading(client, study_run, "evaluation", model, judged) as entry:
        # Read after this entry was made, so that of two at the same time only one can be first.
        experiment, test = winner.run.info.experiment_id, judged[TEST_FINGERPRINT]
        entries = ledger.read_ledger(client, experiment, recorded, test, siblings)
        evaluation = evaluate(winner.classifier, folder, settings)
        verdict = Verdict(winner, evaluation, entry.run_id, entries.without(entry.run_id))
        _record(entry, verdict)
    return verdict


def _record(entry: ledger.Entry, verdict: Verdict) -> None:
    """Record a result, the figures first; if that fails, the message has them.

    A reading of the test split cannot be taken back.
    """
    found, recorded = verdict.evaluation, "not recorded"
    try:
        entry.record(_metrics(verdict))
        recorded = "recorded without its files"
        with tempfile.TemporaryDirectory() as temporary:
            _write_files(Path(temporary), found)
            entry.complete(Path(temporary))
    except (StudyhallError, OSError) as error:
        low, high = found.interval
        raise StudyhallError(
            f"{verdict.champion.name}: the test accuracy is {found.accuracy:.4f} on "
            f"{found.examples:,} examples (95 % interval {low:.4f} to {high:.4f}), which is "
            f"{recorded}: {error}"
        ) from error


def _write_files(folder: Path, evaluation: Evaluation) -> None:
    text = json.dumps(evaluation.to_dict(), indent=2)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    matrix = {"classes": evaluation.classes, "counts": evaluation.confusion}
    (folder / "confusion_matrix.json").write_text(json.dumps(matrix) + "\n", encoding="utf-8")
    picture = folder / "confusion_matrix.png"
    confusion_picture(picture, evaluation.matrix, evaluation.classes)
    if evaluation.mistaken.ndim == 4 and len(evaluation.mistaken):
        titles = [f"{m.true} as {m.predicted}\n{m.probability:.0%}" for m in evaluation.mistakes]
        titled_images(folder / "mistakes.png", evaluation.mistaken, titles)


def _metrics(verdict: Verdict) -> dict[str, float]:
    evaluation, gap = verdict.evaluation, verdict.gap
    low, high = evaluation.interval
    shares = evaluation.accuracy_by_class
    # A separate prefix, because a class can be named "low" or "high".
    by_class = {f"{_BY_CLASS}{key}": shares[n] for key, n in _metric_keys(shares).items()}
    return {
        ledger.ACCURACY: evaluation.accuracy,
        ledger.LOW: low,
        ledger.HIGH: high,
        ledger.EXAMPLES: evaluation.examples,
        **({} if gap is None else {ledger.GAP: gap}),
        **by_class,
    }


def _metric_keys(names: Iterable[str]) -> dict[str, str]:
    """Make valid, distinct endings of metric keys from class names; return the names by ending.

    MLflow allows 250 letters, digits and a few signs in a key; classes can have any name.
    """
    keys: dict[str, str] = {}
    for name in names:
        start = re.sub(r"[^\w .-]", "_", name)[:_LONGEST]
        longer = (start + "_" * more for more in range(_LONGEST - len(start) + 1))
        numbered = (f"{start[: _LONGEST - 4]}_{number}" for number in count(2))
        keys[next(key for key in chain(longer, numbered) if key not in keys)] = name
    return keys


def recorded_ledger(
    name: str, storage: Path | str | None = None, tracking_uri: str | None = None
) -> ledger.Ledger:
    """Every evaluation on a recorded study's test split, by this study and by others.

    Args:
        name: The study.
        storage: The storage that holds it; by default the journal of the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: this MLflow does not have the study, or it does not answer.
        StudyhallError: MLflow stops answering.
    """
    return ledger_of(open_recorded(name, storage), tracking_uri)


def ledger_of(study: Study, tracking_uri: str | None = None) -> ledger.Ledger:
    """The same as `recorded_ledger`, of a study that is open."""
    if path := missing_database(tracking_uri):  # Opening it would create an empty database.
        raise UsageError(f"--tracking-uri: MLflow database {path} does not exist; {_ELSEWHERE}")
    client = open_client(tracking_uri)
    own = own_run(client, study.experiment, study.study_id)
    if own is None:
        place = redact(client.tracking_uri)
        raise UsageError(
            f"--tracking-uri: {place} has no experiment {study.experiment} of this study; "
            f"{_ELSEWHERE}"
        )
    experiment_id = str(own.info.experiment_id)
    siblings = identity_of(study.storage, study.spec.study.name).siblings
    if gone := deleted_experiment(client, experiment_id):
        raise StudyhallError(gone)
    test = own.data.tags.get(TEST_FINGERPRINT, "")
    return ledger.read_ledger(client, experiment_id, study.data_fingerprint, test, siblings)
