"""When a training under way is saved; saving it costs little, and never stops it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter

from studyhall.model import FloatArray
from studyhall.search.training.saved_training import SavedTraining, partial_of, read, write
from studyhall.search.training.trial_identity import TrialIdentity

SECONDS = 1.0  # what may be lost of a training that is killed, at least
TIMES = 50  # how much longer than the last saving to train before the next: it costs 2 % at most


class TrainingSaver:
    """Saves nothing: a training that is interrupted begins anew. The base of those that do save."""

    def load(self, initial: FloatArray) -> SavedTraining | None:
        """Return where the training stood when it was last saved, or None to begin anew.

        Args:
            initial: The parameters (parameters,) of its network, not yet trained.
        """
        return None

    def offer(self, capture: Callable[[], SavedTraining]) -> None:
        """Save the training between two epochs if it is time to.

        Args:
            capture: Gives the training as it stands; called only if it is saved.
        """

    def discard(self) -> None:
        """Remove what was saved: the trial has ended."""


class FileSaver(TrainingSaver):
    """Saves a training in one file, at the end of an epoch.

    Between two savings there is at least a second, and 50 times what the last one cost; the first
    comes a second after the start. One that fails, as on a full disk, is left out.

    Args:
        path: The file; no other trial's.
        identity: What is trained; a file of anything else is not read.
        clock: Seconds that only grow.
    """

    def __init__(
        self, path: Path, identity: TrialIdentity, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._path, self._identity, self._clock = path, identity, clock
        self._due = clock() + SECONDS

    def load(self, initial: FloatArray) -> SavedTraining | None:
        """Read the file; None if it is missing, damaged or of another training."""
        return read(self._path, self._identity, initial)

    def offer(self, capture: Callable[[], SavedTraining]) -> None:
        """Write the file if enough time has passed since it was last written."""
        begun = self._clock()
        if begun < self._due:
            return
        with suppress(OSError):  # the training matters more; the next saving tries again
            write(self._path, self._identity, capture())
        ended = self._clock()
        self._due = ended + max(SECONDS, TIMES * (ended - begun))

    def discard(self) -> None:
        """Remove the file, and what a killed process left of one."""
        for path in (self._path, partial_of(self._path)):
            with suppress(OSError):  # an old file is in nobody's way
                path.unlink(missing_ok=True)
