"""What of the records may go for good: a plan, made without changing anything, and carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.common.options import Options
from studyhall.search.config.study_spec import FINALISTS_ENDING
from studyhall.search.study.finalists import recorded_finals
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import read_storage
from studyhall.search.study.studies import finalists_name, recorded_study, study_names
from studyhall.search.study.study import Study
from studyhall.search.sync.outbox_homes import leftovers, outboxes, reason_to_stay, remove_leftover
from studyhall.search.tracking.client import missing_database, open_client
from studyhall.search.tracking.stored_runs import StoredRuns
from studyhall.search.tracking.tracked_run import TrackedRun

if TYPE_CHECKING:
    from studyhall.search.study.storage import BaseStorage


@dataclass(frozen=True)
class Removal:
    """One thing that may go.

    Attributes:
        kind: A run that was deleted in MLflow; the weights of a run; or what a study that is gone
            has left in the working folder or in a cluster host's home.
        study: The study's name; of a folder its id, whose name is gone.
        what: The run's id, or the folder.
        trial: The number of the trial, if it is of one.
        size: How many bytes its files have.
    """

    kind: Literal["run", "weights", "outbox"]
    study: str
    what: str
    trial: int | None
    size: int


@dataclass(frozen=True)
class Collection:
    """What may go or is gone.

    Attributes:
        removals: One entry each.
        kept: A sentence for each thing that was left though it might have seemed to go.
        done: Whether it is gone.
        manual_command: A command that deletes the runs on MLflow's own host; None if not needed.
    """

    removals: tuple[Removal, ...]
    kept: tuple[str, ...]
    done: bool = False
    manual_command: str | None = None

    @property
    def size(self) -> int:
        """How many bytes all of it has."""
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


def collect(
    name: str | None = None,
    options: Options | None = None,
    *,
    keep_weights: int | None = None,
    remove: bool = False,
) -> Collection:
    """Find what may go: deleted runs, leftovers of studies that are gone, weights if asked.

    A registered version, a finalist, a reading of the test split, and all of a study that is under
    way stay. So does a deleted run that is the only one of its trial.

    Args:
        name: A study; by default all of them, and what studies that are gone have left.
        options: Where things are kept.
        keep_weights: Of how many of the best trials of each study weights stay; by default of all.
        remove: Delete it, too.

    Raises:
        UsageError: there is no such study, or nothing answers where it is kept.
        StudyhallError: MLflow does not answer, or did not delete what it was to.
    """
    options = options or Options()
    storage = read_storage(options.address)
    if name:
        open_recorded(name, storage)
    if missing_database(options.tracking_uri):
        raise UsageError(
            "--tracking-uri: there is no MLflow database here yet, so there is nothing to delete"
        )
    runs = StoredRuns(open_client(options.tracking_uri))
    plan = _Plan(storage, runs, options)
    for study in _studies(storage, name):
        plan.of_study(study, keep_weights)
    if name is None:
        plan.of_gone()
    plan.spare_experiments()
    found = Collection(tuple(plan.removals), tuple(plan.kept), manual_command=plan.manual_command)
    return plan.carry_out(found) if remove else found


def _studies(storage: BaseStorage, name: str | None) -> Iterator[Study]:
    names = [name, finalists_name(name)] if name else sorted(study_names(storage))
    for one in names:
        if study := recorded_study(storage, one):
            yield study


class _Plan:
    def __init__(self, storage: BaseStorage, runs: StoredRuns, options: Options) -> None:
        self._storage, self._runs, self._options = storage, runs, options
        self._registered = runs.registered()
        self.removals, self.kept = list[Removal](), list[str]()

    @property
    def manual_command(self) -> str | None:
        """What is to be typed where MLflow's database is."""
        ids = self._ids("run")
        return self._runs.manual_command(ids) if ids else None

    def of_study(self, study: Study, keep_weights: int | None) -> None:
        """Add what may go of a study that is recorded."""
        name = study.spec.study.name
        if study.claims.live_after_grace():
            self.kept.append(f"{name}: is under way; nothing of it goes")
            return
        own = self._runs.of_study(study.experiment, study.study_id)
        self._deleted(name, own)
        if keep_weights is None or name.endswith(FINALISTS_ENDING):
            return
        if not study.is_whole() or any(
            outbox.entries() for outbox in outboxes(self._options, study.study_id)
        ):
            self.kept.append(f"{name}: has not come to its end; all weights stay")
            return
        self._weights(name, own, self._protected(study, keep_weights))

    def _deleted(self, name: str, own: Sequence[TrackedRun]) -> None:
        """Deleted runs of trials that have another run."""
        whole = {run.number for run in own if not run.deleted and not run.is_running}
        for run in own:
            if not run.deleted or run.run_id in self._registered:
                continue
            if run.tags.get("studyhall.kind") == "trial" and run.number in whole:
                self._add("run", name, run, self._runs.size(run.run_id))
            else:
                self.kept.append(
                    f"{name}: run {run.run_id} was deleted, and is the only one of what it "
                    f"records; `studyhall doctor {name} --fix` brings it back"
                )

    def _weights(self, name: str, own: Sequence[TrackedRun], worthy: set[int]) -> None:
        for run in own:
            kind = run.tags.get("studyhall.kind")
            if kind != "trial" or run.deleted or run.number is None or run.number in worthy:
                continue
            if run.run_id in self._registered or run.is_running:
                continue
            if size := self._runs.weights_size(run.run_id):
                self._add("weights", name, run, size)

    def _protected(self, study: Study, keep: int) -> set[int]:
        """The best trials, and those that were trained again as finalists."""
        rank = study.spec.study.rank
        ended = [one for one in study.finished() if one.state == "complete"]
        ranked = sorted(ended, key=lambda one: (rank(one.value), one.number))
        finals = recorded_finals(self._storage, study)
        return {one.number for one in ranked[:keep]} | set(finals.trials if finals else ())

    def of_gone(self) -> None:
        """Add what studies have left that are not recorded any more."""
        found = (recorded_study(self._storage, n) for n in study_names(self._storage))
        known = {study.study_id for study in found if study}
        strangers = [run for run in self._runs.of_all() if run.study_id not in known]
        deleted = sum(one.run.deleted for one in strangers)
        if deleted:  # their records may be in another folder, or in a database
            self.kept.append(
                f"{deleted} deleted runs are of studies that {redact(self._options.address)} has "
                "not, which may be recorded elsewhere"
            )
        tracked = {one.study_id for one in strangers}
        for folder in leftovers(self._options, known):
            if why := reason_to_stay(folder, self._options, tracked):
                self.kept.append(why)
                continue
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            self.removals.append(Removal("outbox", folder.name, str(folder), None, size))

    def spare_experiments(self) -> None:
        """Leave runs alone if MLflow would delete more with them than they are."""
        if self._ids("run") and (names := self._runs.deleted_experiments()):
            self.removals = [one for one in self.removals if one.kind != "run"]
            self.kept.append(
                f"deleted runs: with them `mlflow gc` would delete {', '.join(names)} whole, since "
                "those experiments are deleted; bring them back with `mlflow experiments restore`"
            )

    def _add(self, kind: Literal["run", "weights"], name: str, run: TrackedRun, size: int) -> None:
        self.removals.append(Removal(kind, name, run.run_id, run.number, size))

    def carry_out(self, found: Collection) -> Collection:
        """Delete what the plan names, but for runs that only MLflow's server can delete."""
        kept, gone = list(found.kept), list[Removal]()
        self._registered = self._runs.registered()  # to look at all runs may have taken minutes
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
        return Collection(tuple(gone), tuple(kept), True, found.manual_command)

    def _removed(self, one: Removal) -> str | None:
        """Delete one thing; return why it stays, if it does."""
        if one.kind == "weights":
            if one.what in self._registered:
                return f"{one.study}: run {one.what} was registered just now; its weights stay"
            study = recorded_study(self._storage, one.study)
            if study is None or study.claims.live_after_grace():
                return (
                    f"{one.study}: was launched or set aside just now; run {one.what} stays whole"
                )
            self._runs.remove_weights(one.what)
            return None
        try:
            remove_leftover(Path(one.what))
        except StudyhallError as error:
            return str(error)
        return None

    def _ids(self, kind: str) -> list[str]:
        return [one.what for one in self.removals if one.kind == kind]
