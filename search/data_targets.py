"""What a command on data is given: the name of a data set, of a study, or a study file."""

from __future__ import annotations

from difflib import get_close_matches

from search.data_names import DATA_NAMES
from search.data_settings import DataSettings
from search.errors import UsageError
from search.study_file import load_study, shipped_studies


def read_target(name: str) -> str | DataSettings:
    """Find which data set is meant.

    Args:
        name: a data set's name; that of a study that ships, or the path of a study file, for the
            study's data and its split.

    Returns:
        The data set's name, or the study's `[data]`.

    Raises:
        UsageError: there is no such data set or study, or mistakes are in the file.
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
