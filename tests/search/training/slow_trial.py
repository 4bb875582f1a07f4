"""A trial of three seconds that is saved in a file: `python -m ...slow_trial FILE`.

Prints how many epochs were done when it started, and the SHA-256 of the weights that it ends with.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from studyhall.model import EpochRecord, weights_sha256
from studyhall.search.training.building import TrialSeed
from studyhall.search.training.saved_training import SavedTraining, TrainingSaver, identify
from studyhall.search.training.trial import run_trial
from tests.search.training.shades import settings, shades

EPOCHS, PAUSE = 150, 0.02


class Telling(TrainingSaver):
    """Says what it gives out."""

    done = 0

    def load(self) -> SavedTraining | None:
        saved = super().load()
        self.done = len(saved.epochs) if saved else 0
        return saved


def main() -> None:
    wanted = settings({"dropout": 0.5}, optimizer="adam", keep="best", epochs=EPOCHS)
    seed = TrialSeed(0, 0)
    saver = Telling(Path(sys.argv[1]), identify(wanted, seed, "validation_loss", "data"))

    def on_epoch(epoch: EpochRecord) -> None:
        if epoch.epoch > saver.done:
            time.sleep(PAUSE)

    record = run_trial(wanted, shades(), seed, "validation_loss", on_epoch, saver)
    assert record.classifier is not None
    print(saver.done, weights_sha256(record.classifier))


if __name__ == "__main__":
    main()
