"""A plan of what can be deleted for good, which changes nothing, and its execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import FINALISTS_ENDING, finalists_name
from studyhall.search.study.finalists import recorded_finals
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import recorded_studies, recorded_study
from studyhall.search.study.study import Study
from studyhall.search.sync.outbox_homes import (
    leftovers,
    outboxes,
    reason_to_stay,
    remove_leftover,
    sweep_homes,
)
from studyhall.search.tracking.address import missing_database
from studyhall.search.tracking.client import open_client
from studyhall.search.tracking.stored_runs import StoredRuns
from studyhall.search.tracking.study_runs import STUDY_ID
from studyhall.search.tracking.tracked_run import TrackedRun

if TYPE_CHECKING:
    from studyhall.search.study.storage import BaseStorage


@dataclass(frozen=True)
class Removal:
    """One thing that can be deleted.

    Attributes:
        kind: A run that was deleted in MLflow; the weights of a run; or the outbox of a study that
            is no longer recorded.
        study: The study's name; for an outbox the study's id.
        what: The run's id, or the folder.
        trial: The number of the trial, if it belongs to one.
        size: The bytes of its files.
    """

    kind: Literal["run", "weights", "outbox"]
    study: str
    what: str
    trial: int | None
    size: int


@dataclass(frozen=True)
class Cleanup:
    """The things that can be deleted, or that were.

    Attributes:
        removals: An entry for each thing.
        kept: A sentence for each thing that must stay although it looks superfluous.
        done: Whether the things were deleted.
        manual_command: A command that deletes the runs on MLflow's own host; None if not needed.
    """

    removals: tuple[Removal, ...]
    kept: tuple[str, ...]
    done: bool = False
    manual_command: str | None = None

    @property
    def size(self) -> int:
        """The bytes of all things."""
        return sum(one.size for one in self.removals)

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        return {
            "removed": self.done,
            "bytes": self.size,
            "items": [asdict(one) for one in self.removals],
            "kept": list(self.kept),
            "manual_command": self.manual_command,
        }


def clean_up(
    name: str | None = None,
    options: Options | None = None,
    *,
    keep_weights: int | None = None,
    remove: bool = False,
) -> Cleanup:
    """Find what can be deleted: deleted runs, outboxes of studies that are gone, weights if asked.

    Registered versions, finalists, readings of the test split, and everything of a study that is
    running stay. So does a deleted run that is the only one of its trial.

    Args:
        name: A study; by default all of them, and outboxes of studies that are gone.
        options: Where things are kept.
        keep_weights: How many of the best trials of each study keep their weights; by default all.
        remove: Whether to delete what was found.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
        StudyhallError: MLflow does not answer, or a deletion failed.
    """
    options = options or Options()
    studies = _studies(name, options)
    if missing_database(options.tracking_uri):
        raise UsageError(
            "--tracking-uri: there is no MLflow database here yet, so there is nothing to delete"
        )
    runs = StoredRuns(open_client(options.tracking_uri))
    plan = _Plan(read_storage(options.address), runs, options)
    for study in studies:
        plan.of_study(study, keep_weights)
    if name is None:
        plan.of_gone()
        if remove:
            sweep_homes(options)
    plan.spare_experiments()
    ids = [one.what for one in plan.removals if one.kind == "run"]
    command = runs.manual_command(ids) if ids else None
    found = Cleanup(tuple(plan.removals), tuple(plan.kept), manual_command=command)
    return plan.carry_out(found) if remove else found


def _studies(name: str | None, options: Options) -> list[Study]:
    if name is None:
        return recorded_studies(read_storage(options.address))
    study = open_recorded(name, options.address)
    finalists = recorded_study(study.storage, finalists_name(name))
    return [study, finalists] if finalists else [study]


class _Plan:
    def __init__(self, storage: BaseStorage, runs: StoredRuns, options: Options) -> None:
        self._storage, self._runs, self._options = storage, runs, options
        self._registered = runs.registered()
        self.removals, self.kept = list[Removal](), list[str]()

    def of_study(self, study: Study, keep_weights: int | None) -> None:
        """Add what can be deleted of a recorded study."""
        name = study.spec.study.name
        if study.claims.live_after_grace():
            self.kept.append(f"{name}: is running; nothing of it is deleted")
            return
        own = self._runs.of_study(study.experiment, study.study_id)
        self._deleted(name, own)
        if keep_weights is None or name.endswith(FINALISTS_ENDING):
            return
        if not study.is_whole() or any(
            outbox.entries() for outbox in outboxes(self._options, study.study_id)
        ):
            self.kept.append(f"{name}: is not finished; all weights stay")
            return
        self._weights(name, own, self._protected(study, keep_weights))

    def _deleted(self, name: str, own: Sequence[TrackedRun]) -> None:
        """Add the deleted runs of trials that have another run."""
        whole = {run.number for run in own if not run.deleted and not run.is_running}
        for run in own:
            if not run.deleted or run.run_id in self._registered:
                continue
            if run.tags.get("studyhall.kind") == "trial" and run.number in whole:
                self._add("run", name, run, self._runs.size(run.run_id))
            else:
                self.kept.append(
                    f"{name}: run {run.run_id} was deleted, and is the only one of what it "
                    f"records; `studyhall doctor {name} --fix` restores it"
                )

    def _weights(self, name: str, own: Sequence[TrackedRun], protected: set[int]) -> None:
        for run in own:
            kind = run.tags.get("studyhall.kind")
            if kind != "trial" or run.deleted or run.number is None or run.number in protected:
                continue
            if run.run_id in self._registered or run.is_running:
                continue
            if size := self._runs.weights_size(run.run_id):
                self._add("weights", name, run, size)

    def _protected(self, study: Study, keep: int) -> set[int]:
        """The best `keep` trials, and those that finalists retrain."""
        rank = study.spec.study.rank
        ended = [one for one in study.finished() if one.state == "complete"]
        ranked = sorted(ended, key=lambda one: (rank(one.value), one.number))
        finals = recorded_finals(study)
        return {one.number for one in ranked[:keep]} | set(finals.trials if finals else ())

    def of_gone(self) -> None:
        """Add the outboxes of studies that are no longer recorded."""
        known = {study.study_id for study in recorded_studies(self._storage)}
        unknown = [run for run in self._runs.of_all() if run.tags[STUDY_ID] not in known]
        if deleted := sum(
            run.deleted for run in unknown
        ):  # their studies may be recorded in another folder, or in a database
            self.kept.append(
                f"{deleted} deleted runs belong to studies that are not in "
                f"{redact(self._options.address)}; they may be recorded elsewhere"
            )
        tracked = {run.tags[STUDY_ID] for run in unknown}
        for folder in leftovers(self._options, known):
            if why := reason_to_stay(folder, self._options, tracked):
                self.kept.append(why)
                continue
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            self.removals.append(Removal("outbox", folder.name, str(folder), None, size))

    def spare_experiments(self) -> None:
        """Leave deleted runs alone if MLflow would delete whole experiments with them."""
        others = [one for one in self.removals if one.kind != "run"]
        if others != self.removals and (names := self._runs.deleted_experiments()):
            self.removals = others
            self.kept.append(
                f"deleted runs: with them `mlflow gc` would delete {', '.join(names)} whole, since "
                "those experiments are deleted; restore them with `mlflow experiments restore`"
            )

    def _add(self, kind: Literal["run", "weights"], name: str, run: TrackedRun, size: int) -> None:
        self.removals.append(Removal(kind, name, run.run_id, run.number, size))

    def carry_out(self, found: Cleanup) -> Cleanup:
        """Delete what the plan names, except runs that can only be deleted on MLflow's host."""
        kept, gone = list(found.kept), list[Removal]()
        self._registered = self._runs.registered()  # finding the runs may have taken minutes
        for one in self.removals:
            if one.kind == "run":
                if not found.manual_command:
                    gone.append(one)
            elif why := self._removed(one):
                kept.append(why)
            else:
                gone.append(one)
        if ids := [one.what for one in gone if one.kind == "run"]:
            self._runs.remove(ids)
        return Cleanup(tuple(gone), tuple(kept), True, found.manual_command)

    def _removed(self, one: Removal) -> str | None:
        """Delete one thing, or return why it stays."""
        if one.kind == "outbox":
            return remove_leftover(Path(one.what))
        if one.what in self._registered:
            return f"{one.study}: run {one.what} was registered just now; its weights stay"
        study = recorded_study(self._storage, one.study)
        if study is None or study.claims.live_after_grace():
            return f"{one.study}: was launched or set aside just now; run {one.what} stays whole"
        self._runs.remove_weights(one.what)
        return None
