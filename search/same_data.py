"""Whether data are those of a record."""

from __future__ import annotations

from pathlib import Path

from search.data_settings import DataSettings
from search.datasets import fingerprint, open_dataset, split_dataset
from search.errors import UsageError


def require_same_data(folder: Path, settings: DataSettings, recorded: str) -> None:
    """Refuse to judge on other data than those that a model was selected on.

    Args:
        folder: Where the data set's arrays lie.
        settings: The data set and its split.
        recorded: The fingerprint that the model's run is tagged with.

    Raises:
        UsageError: the data have another fingerprint.
    """
    found = fingerprint(folder, split_dataset(open_dataset(settings, folder), settings))
    if found != recorded:
        target = "STUDY.toml" if settings.path else settings.name
        raise UsageError(
            f"{settings.name}: the data differ from those that the model was selected on "
            f"(fingerprint {found[:12]}, was {recorded[:12]}); "
            f"check them with `studyhall data verify {target}`"
        )
