"""A data set read to the last byte: what was changed, and what stands in more than one part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from studyhall.search.common.errors import UsageError
from studyhall.search.config.data_settings import DataSettings
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.catalog import Collection
from studyhall.search.data.data_names import DataChoice, described
from studyhall.search.data.datasets import Wanted, open_dataset, own_settings, split_dataset
from studyhall.search.data.duplicates import Duplicate, counts, find_duplicates
from studyhall.search.data.faults import Fault, listed
from studyhall.search.data.integrity import verify_folder
from studyhall.search.data.own_changes import Kept, kept_data
from studyhall.search.data.own_counts import filled


@dataclass(frozen=True)
class Verification:
    """What a reading of every byte found.

    Attributes:
        name: the data set.
        folder: its folder in the cache.
        problems: a sentence for each thing that is wrong; none where all is right.
        faults: the examples and files that are not as they must be.
        duplicates: examples that stand in more than one part.
        counts: how many of these there are, by the names of two parts.
    """

    name: str
    folder: Path
    problems: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    counts: Mapping[str, int] | None = None

    @property
    def intact(self) -> bool:
        """Whether all is as it must be."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """The verification as JSON holds it."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "problems": list(self.problems),
            "faults": [fault.to_dict() for fault in self.faults],
            "duplicates": dict(self.counts or {}),
            "duplicate_examples": [
                [example.to_dict() for example in found.examples] for found in self.duplicates
            ],
        }


def verify(wanted: Wanted, data_dir: Path | str | None = None) -> Verification:
    """Read every byte of a data set in the cache and name what is wrong.

    The user's own data are compared with the files that they were decoded from too, and an example
    of theirs that is in the test part and in another is a problem; of a published data set it is
    counted alone.

    Args:
        wanted: which data set; a study's `[data]` also compares training with validation examples.
        data_dir: where the user's own data are instead of at their `path`.

    Raises:
        UsageError: unknown name, or the data set is not in the cache.
    """
    own = own_settings(wanted)
    kept = kept_data(own, data_dir) if own else _published(wanted)
    reading = verify_folder(kept.folder, kept.collection)
    problems, faults = (*kept.problems, *reading.problems), (*kept.faults, *reading.faults)
    if reading.problems and not reading.faults:  # the arrays cannot be opened
        return Verification(kept.collection.name, kept.folder, problems, faults)
    split = None
    if not isinstance(wanted, str | Collection) and not problems:
        settings = filled(cast("DataSettings", wanted), kept.collection)
        split = split_dataset(open_dataset(wanted, kept.folder), settings)
    found = find_duplicates(kept.folder, kept.collection, split)
    if own:
        problems += _overlap(kept.collection.name, found)
    return Verification(
        kept.collection.name, kept.folder, problems, faults, found, counts(found, split is not None)
    )


def _published(wanted: str | DataChoice | Collection) -> Kept:
    collection = described(wanted)
    folder = cache_folder() / collection.folder
    if not folder.is_dir():
        raise UsageError(
            f"{collection.name}: must be in the cache to be verified, got no folder {folder}; "
            f"run `studyhall data fetch {collection.name}`"
        )
    return Kept(folder, collection, (), ())


def _overlap(name: str, found: tuple[Duplicate, ...]) -> tuple[str, ...]:
    """What is tested by must not have been trained on or selected by."""
    leaks = [duplicate for duplicate in found if "test" in duplicate.parts]
    if not leaks:
        return ()
    return (
        f"{name}: the test part must have no example of another part, got {len(leaks)}: "
        f"{listed(leaks)}; delete each from one of the two, and launch the study with --fresh",
    )
