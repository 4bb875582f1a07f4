"""The claims on a study's trials: one live worker each, taken over once that worker is dead."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.owner import is_running, new_owner
from studyhall.search.study.claim import CLAIM, Claim, claim_of
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import exclusive

CLAIMS_MUTEX = "claims"  # held while claims are read and changed, or a result entered
_DEAD = "silent"  # replaces the owner of a claim; no process has this name
Cost = Callable[[int, int], float]  # how long a trial takes, by its number and id, in any unit


class Claims:
    """The claims of one study, as one worker makes and sees them.

    An owner is dead once its process is gone. An owner on another machine is dead once its
    `beat_count` has not grown for `INTERVALS.grace` seconds of this process's own clock: the clocks
    of machines need not agree. A process that has not read the claims for `INTERVALS.attention`
    seconds, because it slept or its storage was away, starts to measure that silence anew.

    Args:
        storage: The storage; claims are made one at a time.
        study_id: The storage's id of the study.
        window: A trial is claimed once all trials up to its number minus this have finished.
        progress: How much of an interrupted trial, by its number, this machine has saved: it grows
            when more is saved, and is 0 if nothing is.
        clock: This process's own clock, in seconds.
    """

    def __init__(
        self,
        storage: BaseStorage,
        study_id: int,
        window: int,
        progress: Callable[[int], int] = lambda _: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._study_id = study_id
        self._window = window
        self._progress = progress
        self._clock = clock
        self._owner = new_owner()
        self._seen: dict[int, tuple[tuple[str, int, int], float]] = {}
        self._looked = clock()
        self._finished = 0  # the first trial that has not finished; all before it are final

    @retry_while_disconnected
    def next(
        self, wanted: int, last: int = 0, cost: Cost = lambda number, trial_id: 0.0
    ) -> Claim | None:
        """Claim a trial below `wanted` that no live worker has; None if there is none now.

        Only trials that may be proposed are claimed: all those that they look back on have
        finished. Claims go to the lowest number first. Among the last trials of the study they go
        to the longest first, so that no worker trains a long one alone at the end (Graham, Bounds
        on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17, 1969).

        Args:
            wanted: How many trials the study is to have.
            last: How many of them are the last ones; at most the window counts.
            cost: How long a trial will take; called for the last ones alone.
        """
        trials = self._trials()
        if not self._free(trials, wanted):
            return None
        costs = dict[int, float]()
        if self._first(trials) + min(last, self._window) >= wanted:
            if len(trials) < wanted:
                self._create(wanted)
            trials = self._trials()
            costs = {n: cost(n, trials[n]._trial_id) for n in self._free(trials, wanted)}
        with exclusive(self._storage, CLAIMS_MUTEX):
            trials = self._trials()
            free = self._free(trials, wanted)
            if not free:
                return None
            return self._take(trials, max(free, key=lambda number: costs.get(number, 0.0)))

    @retry_while_disconnected
    def beat(self, claim: Claim) -> bool:
        """Record that this worker lives; False if the trial is no longer its own."""
        with exclusive(self._storage, CLAIMS_MUTEX):
            if (own := self._own(claim)) is None:
                return False
            self._write(own, beat_count=own.beat_count + 1, last_beat_at=time.time())
        return True

    @retry_while_disconnected
    def give_back(self, claim: Claim, trouble: str | None = None) -> None:
        """Free a trial for other workers at once.

        Args:
            claim: The claim on the trial, if it is still this worker's.
            trouble: Why this worker died at the trial, if it did.
        """
        with exclusive(self._storage, CLAIMS_MUTEX):
            if own := self._own(claim):
                died = {} if trouble is None else {"deaths": own.deaths + 1, "trouble": trouble}
                self._write(own, owner="", **died)

    @retry_while_disconnected
    def release(self) -> None:
        """Free this worker's trials at once, and count no death."""
        self._release(lambda owner: owner == self._owner)

    @retry_while_disconnected
    def release_dead(self) -> None:
        """Free the trials of this machine's dead workers at once, and count no death."""
        self._release(lambda owner: is_running(owner) is False)

    @retry_while_disconnected
    def give_up_silent(self) -> None:
        """Declare owners dead, for all processes, that were silent for `INTERVALS.grace` seconds.

        A worker that trains another study for minutes does not listen long enough to see that.
        """
        if silent := self.silent(INTERVALS.grace):
            self._release(lambda owner: owner in silent, _DEAD)

    @retry_while_disconnected
    def live(self) -> dict[int, int]:
        """The attempts that live workers train now, this one included, by the trial's number.

        A process must call this every few seconds to notice whose heartbeat has stopped.
        """
        return {
            number: claim.attempt
            for number, claim in self._claims().items()
            if claim.owner == self._owner or self._lives(claim)
        }

    def live_after_grace(self) -> dict[int, int]:
        """The same as `live`, after listening until silent owners on other machines are dead."""
        deadline = self._clock() + INTERVALS.grace + INTERVALS.cluster
        while (live := self.live()) and self._clock() < deadline:
            owners = (claim.owner for claim in self._claims().values() if claim.owner)
            if all(is_running(owner) is not None for owner in owners):
                break
            time.sleep(INTERVALS.cluster)
        return live

    @retry_while_disconnected
    def silent(self, seconds: float) -> set[str]:
        """The owners of trials whose `beat_count` has not grown for this long."""
        return {
            claim.owner
            for claim in self._claims().values()
            if claim.owner not in ("", self._owner)
            and is_running(claim.owner) is not False
            and self._silence(claim) >= seconds
        }

    def _release(self, fitting: Callable[[str], bool], owner: str = "") -> None:
        with exclusive(self._storage, CLAIMS_MUTEX):
            for claim in self._claims().values():
                if claim.owner and fitting(claim.owner):
                    self._write(claim, owner=owner)

    def _claims(self) -> dict[int, Claim]:
        """The claims on trials that have not finished, by number."""
        trials = self._trials()
        unfinished = (t for t in trials[self._first(trials) :] if not t.state.is_finished())
        return {claim.number: claim for trial in unfinished if (claim := claim_of(trial))}

    def _trials(self) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        if self._clock() - self._looked > INTERVALS.attention:
            self._seen = {}  # heartbeats may have come and gone unseen
        self._looked = self._clock()
        return trials

    def _free(self, trials: Sequence[FrozenTrial], wanted: int) -> list[int]:
        """The numbers that can be claimed; of trials to be created only the first."""
        first = self._first(trials)
        numbers = range(first, min(wanted, first + self._window, len(trials) + 1))
        return [number for number in numbers if self._is_free(trials, number)]

    def _is_free(self, trials: Sequence[FrozenTrial], number: int) -> bool:
        if number == len(trials):
            return True
        claim = claim_of(trials[number])
        return not (trials[number].state.is_finished() or (claim and self._lives(claim)))

    def _create(self, wanted: int) -> None:
        """Create the remaining trials without a claim: proposing one for its cost needs its id."""
        with exclusive(self._storage, CLAIMS_MUTEX):
            for _ in range(len(self._trials()), wanted):
                self._storage.create_new_trial(self._study_id)

    def _first(self, trials: Sequence[FrozenTrial]) -> int:
        """Index of the first unfinished trial; all before it are final and not read again."""
        first = self._finished  # a local count, since the heartbeat's thread may count as well
        while first < len(trials) and trials[first].state.is_finished():
            first += 1
        self._finished = first
        return first

    def _take(self, trials: Sequence[FrozenTrial], number: int) -> Claim:
        if number == len(trials):
            trial_id, before = self._storage.create_new_trial(self._study_id), None
        else:
            trial_id, before = trials[number]._trial_id, claim_of(trials[number])
        progress = self._progress(number)
        claim = Claim(
            number=number,
            trial_id=trial_id,
            owner=self._owner,
            attempt=1,
            progress=progress,
            last_beat_at=time.time(),
        )
        if before is None:
            return self._write(claim)
        # This worker may have claimed it already, by a write whose answer was lost.
        died = before.owner not in ("", self._owner)
        stuck = progress <= before.progress
        return self._write(
            claim,
            attempt=before.attempt + 1,
            deaths=before.deaths + died if stuck else 0,
            progress=max(progress, before.progress),
            trouble=None if died else before.trouble,
        )

    def _lives(self, claim: Claim) -> bool:
        """Whether another worker trains the trial; this one does not when it asks for more."""
        if claim.owner in ("", self._owner) or is_running(claim.owner) is False:
            return False
        return self._silence(claim) < INTERVALS.grace

    def _silence(self, claim: Claim) -> float:
        """For how many seconds this process has seen the same `beat_count`."""
        seen_beat, now = (claim.owner, claim.attempt, claim.beat_count), self._clock()
        seen = self._seen  # another thread may replace the dictionary meanwhile
        if claim.number not in seen or seen[claim.number][0] != seen_beat:
            seen[claim.number] = seen_beat, now
        return now - seen[claim.number][1]

    def _own(self, claim: Claim) -> Claim | None:
        """A claim as the storage has it now; None if it is no longer this worker's."""
        trial = self._storage.get_trial(claim.trial_id)
        now = None if trial.state.is_finished() else claim_of(trial)
        own = now and (now.owner, now.attempt) == (self._owner, claim.attempt)
        return now if own else None

    def _write(self, claim: Claim, **changes: object) -> Claim:
        changed = claim.model_copy(update=changes)
        self._storage.set_trial_user_attr(claim.trial_id, CLAIM, changed.model_dump())
        return changed
