"""The data of a recorded study: found by its fingerprint, and required to have it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.catalog import DATA_VARIABLE
from studyhall.search.data.dataset_manifest import MANIFEST, DatasetManifest, read_manifest
from studyhall.search.data.datasets import fetch, open_dataset, own_settings, split_dataset
from studyhall.search.data.integrity import fingerprint

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings


def versions(name: str) -> Iterator[tuple[Path, DatasetManifest]]:
    """Yield the versions of the user's data called `name` in the cache: folder and manifest."""
    for path in sorted(cache_folder().glob(f"{name}-own-*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        if manifest and manifest.info.name == name:
            yield path.parent, manifest


def version_of(settings: DataSettings, recorded: str) -> Path | None:
    """Find the version of the user's data that a study was run on.

    Args:
        settings: the study's `[data]`.
        recorded: the fingerprint in its runs' tags.

    Returns:
        The version's folder in the cache; None if there is none, or if the data are not the user's.
    """
    if own_settings(settings) is None:
        return None
    for folder, _ in versions(settings.name):
        try:
            if _fingerprint(folder, settings) == recorded:
                return folder
        except UsageError:
            continue  # this version is damaged, or has fewer examples
    return None


def fetch_recorded(
    settings: DataSettings,
    recorded: str,
    data_dir: Path | str | None = None,
    progress: Progress = SILENT,
    *,
    follow: bool = True,
) -> Path:
    """Make the data of a recorded study ready in the cache.

    If the user's files are no longer at their `path`, the version in the cache is taken.

    Args:
        settings: the `[data]` of the record.
        recorded: the fingerprint of its data.
        data_dir: folder or archive to take the data from.
        progress: is told of the steps.
        follow: whether the user's data may be read at their `path`; not where the record is from a
            store that others write to, who could name any place of this machine.

    Returns:
        The data set's folder in the cache.

    Raises:
        UsageError: the data are not available.
    """
    named = data_dir or os.environ.get(DATA_VARIABLE)
    if settings.path is not None and not named and not (follow and Path(settings.path).exists()):
        if folder := version_of(settings, recorded):
            return folder
        if not follow:
            raise UsageError(
                f"{settings.name}: the data of the record are not in this machine's cache, and a "
                "path that a shared store names is not read; name their folder or file with "
                "--data-dir"
            )
    return fetch(settings, data_dir=data_dir, progress=progress)


def require_same_data(folder: Path, settings: DataSettings, recorded: str) -> None:
    """Refuse to evaluate a model on other data than those that it was selected on.

    Args:
        folder: The data set's folder in the cache.
        settings: The data set and its split.
        recorded: The fingerprint in the tags of the model's run.

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
    """Refuse to train on a cluster's host if its data are not those of the launch.

    Args:
        folder: The data set's folder in this host's cache.
        settings: The data set and its split.
        recorded: The fingerprint of the launch's data.

    Raises:
        UsageError: the data have another fingerprint; the message names their place on this host.
    """
    if (found := _fingerprint(folder, settings)) != recorded:
        named = os.environ.get(DATA_VARIABLE)
        own = f"data.path {settings.path}" if settings.path else str(folder)
        place = f"{DATA_VARIABLE}={named}" if named else own
        raise UsageError(
            f"{settings.name}: the data of this host ({place}) differ from those of the launch "
            f"(fingerprint {found[:12]}, the launch's {recorded[:12]}); copy the launch's data "
            f"there, or start this host's workers with {DATA_VARIABLE} naming a copy of them"
        )


def _fingerprint(folder: Path, settings: DataSettings) -> str:
    return fingerprint(folder, split_dataset(open_dataset(settings, folder), settings))
