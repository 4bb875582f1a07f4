"""Which worker does which trial: claims that are unique, and taken over from the dead."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from studyhall.search.common.intervals import INTERVALS
from studyhall.search.common.owner import is_running, new_owner
from studyhall.search.study.claim import CLAIM, Claim, Claimed, claim_of
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.storage import exclusive

CLAIMS_MUTEX = "claims"  # held while claims are read and changed, or a result entered
_DEAD = "silent"  # in place of an owner: the name of no process
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
        window: How far back a trial looks; a trial is claimed once all before that have finished.
        progress: What there is on this machine of an interrupted trial, by its number: it grows
            when more is there, and is 0 if nothing is.
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
        self._finished = 0  # so many trials from the first on; none of them opens again

    @retry_while_disconnected
    def next(
        self, wanted: int, last: int = 0, cost: Cost = lambda number, trial_id: 0.0
    ) -> Claimed | None:
        """Claim a trial below `wanted` that no live worker has; None if there is none now.

        A trial that may not be proposed yet, since those it looks back on have not all finished,
        is not claimed. Of the others it is the first; of the last ones the longest (Graham, Bounds
        on Multiprocessing Timing Anomalies, SIAM J. Appl. Math. 17, 1969), so that no worker is
        alone with a long one at the end.

        Args:
            wanted: How many trials the study is to have.
            last: How many of them are the last ones; no more than the window.
            cost: How long a trial will take; asked of the last ones.
        """
        trials = self._trials()
        if not self._free(trials, wanted):
            return None
        costs = dict[int, float]()
        if self._first(trials) + min(last, self._window) >= wanted:
            if len(trials) < wanted:
                self._create(wanted)
            costs = self._costs(wanted, cost)
        with exclusive(self._storage, CLAIMS_MUTEX):
            trials = self._trials()
            free = self._free(trials, wanted)
            if not free:
                return None
            return self._take(trials, max(free, key=lambda number: costs.get(number, 0.0)))

    @retry_while_disconnected
    def beat(self, claimed: Claimed) -> bool:
        """Say that this worker lives; False if the trial is no longer its own."""
        with exclusive(self._storage, CLAIMS_MUTEX):
            trial = self._storage.get_trial(claimed.trial_id)
            claim = claim_of(trial)
            if trial.state.is_finished() or claim is None or not self._owns(claim, claimed):
                return False
            raised = {"beat_count": claim.beat_count + 1, "last_beat_at": time.time()}
            self._write(claimed.trial_id, claim.model_copy(update=raised))
        return True

    @retry_while_disconnected
    def give_back(self, claimed: Claimed, trouble: str | None = None) -> None:
        """Let others have the trial at once; `trouble` says what its worker died of, if it did."""
        with exclusive(self._storage, CLAIMS_MUTEX):
            trial = self._storage.get_trial(claimed.trial_id)
            claim = claim_of(trial)
            if trial.state.is_finished() or claim is None or not self._owns(claim, claimed):
                return
            freed: dict[str, object] = {"owner": ""}
            if trouble is not None:
                freed |= {"deaths": claim.deaths + 1, "trouble": trouble}
            self._write(claimed.trial_id, claim.model_copy(update=freed))

    @retry_while_disconnected
    def release(self) -> None:
        """Let others have, at once and without blame, whatever this worker has."""
        self._release(lambda owner: owner == self._owner)

    @retry_while_disconnected
    def release_dead(self) -> None:
        """Let others have, at once and without blame, what dead workers of this machine left."""
        self._release(lambda owner: is_running(owner) is False)

    @retry_while_disconnected
    def give_up_silent(self) -> None:
        """Say for all that owners are dead which have been silent for `INTERVALS.grace`.

        A worker that is at another study for minutes does not listen for so long.
        """
        if silent := self.silent(INTERVALS.grace):
            self._release(lambda owner: owner in silent, _DEAD)

    @retry_while_disconnected
    def live(self) -> dict[int, int]:
        """The attempts that are under way, by the number of the trial; this worker's own too.

        Who looks every few seconds knows whose beat has stopped.
        """
        return {
            number: claim.attempt
            for number, claim in self._claims().items()
            if claim.owner == self._owner or self._lives(number, claim)
        }

    def live_after_grace(self) -> dict[int, int]:
        """What `live` says, after listening to owners of other machines for as long as it takes."""
        deadline = self._clock() + INTERVALS.grace + INTERVALS.cluster
        while (live := self.live()) and self._far() and self._clock() < deadline:
            time.sleep(INTERVALS.cluster)
        return live

    def _far(self) -> bool:
        return any(is_running(c.owner) is None for c in self._claims().values() if c.owner)

    @retry_while_disconnected
    def silent(self, seconds: float) -> set[str]:
        """The owners of trials that have not raised their beat for so long."""
        return {
            claim.owner
            for number, claim in self._claims().items()
            if claim.owner not in ("", self._owner)
            and is_running(claim.owner) is not False
            and self._silence(number, claim) >= seconds
        }

    def _release(self, fitting: Callable[[str], bool], owner: str = "") -> None:
        with exclusive(self._storage, CLAIMS_MUTEX):
            for number, claim in self._claims().items():
                if claim.owner and fitting(claim.owner):
                    trial_id = self._storage.get_trial_id_from_study_id_trial_number(
                        self._study_id, number
                    )
                    self._write(trial_id, claim.model_copy(update={"owner": owner}))

    def _claims(self) -> dict[int, Claim]:
        """The claims on trials that have not finished, by number."""
        trials = self._trials()
        unfinished = (t for t in trials[self._first(trials) :] if not t.state.is_finished())
        claims = {trial.number: claim_of(trial) for trial in unfinished}
        return {number: claim for number, claim in claims.items() if claim}

    def _trials(self) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        if self._clock() - self._looked > INTERVALS.attention:
            self._seen = {}  # how long a beat has stood still is not known
        self._looked = self._clock()
        return trials

    def _free(self, trials: Sequence[FrozenTrial], wanted: int) -> list[int]:
        """The numbers that can be claimed, of those that do not exist yet the first alone."""
        first = self._first(trials)
        numbers = range(first, min(wanted, first + self._window, len(trials) + 1))
        return [number for number in numbers if self._is_free(trials, number)]

    def _is_free(self, trials: Sequence[FrozenTrial], number: int) -> bool:
        if number == len(trials):
            return True
        claim = claim_of(trials[number])
        return not (trials[number].state.is_finished() or (claim and self._lives(number, claim)))

    def _create(self, wanted: int) -> None:
        """Create the trials that are left, without a claim: they are proposed by their ids."""
        with exclusive(self._storage, CLAIMS_MUTEX):
            for _ in range(len(self._trials()), wanted):
                self._storage.create_new_trial(self._study_id)

    def _costs(self, wanted: int, cost: Cost) -> dict[int, float]:
        trials = self._trials()
        return {n: cost(n, trials[n]._trial_id) for n in self._free(trials, wanted)}

    def _first(self, trials: Sequence[FrozenTrial]) -> int:
        """The first number that has not finished; trials seen finished are not looked at again."""
        first = self._finished  # counted here, since the heartbeat's thread may count as well
        while first < len(trials) and trials[first].state.is_finished():
            first += 1
        self._finished = first
        return first

    def _take(self, trials: Sequence[FrozenTrial], number: int) -> Claimed:
        if number == len(trials):
            trial_id, before = self._storage.create_new_trial(self._study_id), None
        else:
            trial_id, before = trials[number]._trial_id, claim_of(trials[number])
        progress = self._progress(number)
        now = time.time()
        claim = Claim(owner=self._owner, attempt=1, progress=progress, last_beat_at=now)
        if before:
            # It may have been claimed here already, by a write whose answer was lost.
            died = before.owner not in ("", self._owner)
            stuck = progress <= before.progress
            claim = Claim(
                owner=self._owner,
                attempt=before.attempt + 1,
                deaths=before.deaths + died if stuck else 0,
                progress=max(progress, before.progress),
                last_beat_at=now,
                trouble=None if died else before.trouble,
            )
        self._write(trial_id, claim)
        return Claimed(number, trial_id, claim.attempt, claim.deaths, claim.trouble)

    def _lives(self, number: int, claim: Claim) -> bool:
        """Whether the owner of a claim is at work; this worker is not, when it asks for more."""
        if claim.owner in ("", self._owner) or is_running(claim.owner) is False:
            return False
        return self._silence(number, claim) < INTERVALS.grace

    def _silence(self, number: int, claim: Claim) -> float:
        """For how many seconds this process has seen the beat stand still."""
        seen_beat, now = (claim.owner, claim.attempt, claim.beat_count), self._clock()
        seen = self._seen  # another thread may forget it meanwhile
        if number not in seen or seen[number][0] != seen_beat:
            seen[number] = seen_beat, now
        return now - seen[number][1]

    def _owns(self, claim: Claim, claimed: Claimed) -> bool:
        return (claim.owner, claim.attempt) == (self._owner, claimed.attempt)

    def _write(self, trial_id: int, claim: Claim) -> None:
        self._storage.set_trial_user_attr(trial_id, CLAIM, claim.model_dump())
