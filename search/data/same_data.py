"""Whether data are those of a record."""

from __future__ import annotations

import os
from pathlib import Path

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.datasets import fingerprint, open_dataset, split_dataset
from studyhall.search.data.sources import VARIABLE


def require_same_data(folder: Path, settings: DataSettings, recorded: str) -> None:
    """Refuse to judge on other data than those that a model was selected on.

    Args:
        folder: Where the data set's arrays lie.
        settings: The data set and its split.
        recorded: The fingerprint that the model's run is tagged with.

    Raises:
        UsageError: the data have another fingerprint.
    """
    if (found := _fingerprint(folder, settings)) != recorded:
        target = "STUDY.toml" if settings.path else settings.name
        raise UsageError(
            f"{settings.name}: the data differ from those that the model was selected on "
            f"(fingerprint {found[:12]}, was {recorded[:12]}); "
            f"check them with `studyhall data verify {target}`"
        )


def require_data_of_launch(folder: Path, settings: DataSettings, recorded: str) -> None:
    """Refuse to train on a host of a cluster whose data are not those of the launch.

    Args:
        folder: Where the data set's arrays lie on this host.
        settings: The data set and its split.
        recorded: The fingerprint of the launch's data.

    Raises:
        UsageError: the data have another fingerprint; it says which place on this host has them.
    """
    if (found := _fingerprint(folder, settings)) != recorded:
        named = os.environ.get(VARIABLE)
        own = f"data.path {settings.path}" if settings.path else str(folder)
        place = f"{VARIABLE}={named}" if named else own
        raise UsageError(
            f"{settings.name}: the data of this host ({place}) differ from those of the launch "
            f"(fingerprint {found[:12]}, the launch's {recorded[:12]}); copy the launch's data "
            f"there, or start this host's workers with {VARIABLE} naming a copy of them"
        )


def _fingerprint(folder: Path, settings: DataSettings) -> str:
    return fingerprint(folder, split_dataset(open_dataset(settings, folder), settings))
