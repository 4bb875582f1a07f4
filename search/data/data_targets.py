"""Fetch or verify the data that a data set's name, a study's name or a study file stands for."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.study_file import load_study, shipped_studies
from studyhall.search.data.dataset_manifest import mark_used
from studyhall.search.data.datasets import DATA_NAMES, fetch
from studyhall.search.data.verification import Verification, verify


def fetch_data(name: str, data_dir: Path | str | None = None, progress: Progress = SILENT) -> Path:
    """Fetch a data set, or a study's, verify it and decode it into the cache.

    Args:
        name: A data set's name, the name of a study that ships, or the path of a study file.
        data_dir: A folder or archive that holds the data set.
        progress: Is told of the steps.

    Returns:
        Its folder in the cache.

    Raises:
        UsageError: unknown name, no source, damaged or wrong data, a cache that cannot be written.
    """
    folder = fetch(_read_target(name), data_dir=data_dir, progress=progress)
    mark_used(folder)
    return folder


def verify_data(name: str, data_dir: Path | str | None = None) -> Verification:
    """Read every byte of a data set in the cache, name what is wrong, and count duplicates.

    Args:
        name: A data set's name, the name of a study that ships, or the path of a study file.
        data_dir: Where the user's data are instead of at their `path`.

    Raises:
        UsageError: unknown name, or the data set is not in the cache.
    """
    return verify(_read_target(name), data_dir)


def _read_target(name: str) -> str | DataSettings:
    """Return a data set's name, or the `[data]` of the study that `name` stands for.

    Raises:
        UsageError: there is no such data set or study, or the file has mistakes.
    """
    if name in DATA_NAMES:
        return name
    studies = shipped_studies()
    if name.endswith(".toml") or name in studies:
        return load_study(name).data_settings
    near = get_close_matches(name, [*DATA_NAMES, *studies], n=1, cutoff=0)
    raise UsageError(
        f"{name}: must be a data set ({', '.join(DATA_NAMES)}), a study that ships or the path of "
        f"a study file; the nearest is '{near[0]}'"
    )
