"""Versions of the user's own data in the cache: found by name, or by a recorded fingerprint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.dataset_manifest import PAGE, OwnPage, read_page
from studyhall.search.data.datasets import (
    fetch,
    fingerprint,
    open_dataset,
    own_settings,
    split_dataset,
)
from studyhall.search.data.sources import VARIABLE

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings


def versions(name: str) -> Iterator[tuple[Path, OwnPage]]:
    """Yield the folders of the cache with data of the user's own of a name."""
    for path in sorted(cache_folder().glob(f"{name}-own-*/{PAGE}")):
        page = read_page(path.parent)
        if page and page.collection.name == name:
            yield path.parent, page


def version_of(settings: DataSettings, recorded: str) -> Path | None:
    """Find the version of the user's own data that a study was run on.

    Args:
        settings: the study's `[data]`.
        recorded: the fingerprint that its runs are tagged with.

    Returns:
        Its folder in the cache; None where there is none, and for other data.
    """
    if own_settings(settings) is None:
        return None
    for folder, _ in versions(settings.name):
        try:
            split = split_dataset(open_dataset(settings, folder), settings)
            if fingerprint(folder, split) == recorded:
                return folder
        except UsageError:
            continue  # damaged, or of fewer examples
    return None


def fetch_recorded(
    settings: DataSettings,
    recorded: str,
    data_dir: Path | str | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Make the data of a record ready in the cache; the user's own may have moved since.

    Args:
        settings: the `[data]` of the record.
        recorded: the fingerprint of its data.
        data_dir: folder or archive to take the data from.
        progress: told of the steps.

    Raises:
        UsageError: they cannot be had.
    """
    named = data_dir or os.environ.get(VARIABLE)
    moved = settings.path is not None and not Path(settings.path).exists()
    if moved and not named and (folder := version_of(settings, recorded)):
        return folder
    return fetch(settings, data_dir=data_dir, progress=progress)
