"""`studyhall data verify`: read every byte of a data set, and find duplicates across its parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from studyhall.search.common.errors import UsageError
from studyhall.search.data.arrays import open_array
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.datasets import (
    Wanted,
    dataset_info,
    open_dataset,
    own_settings,
    split_dataset,
)
from studyhall.search.data.faults import Example, ExampleNames, Fault, Findings, listed
from studyhall.search.data.integrity import verify_folder
from studyhall.search.data.own_changes import compare_with_source
from studyhall.search.data.splits import Split, fill_counts


@dataclass(frozen=True)
class Duplicate:
    """The same image or point in two parts or more; labels may differ.

    Attributes:
        examples: all that are the same, training examples first.
    """

    examples: tuple[Example, ...]

    @property
    def parts(self) -> frozenset[str]:
        """The parts that it is in."""
        return frozenset(example.part for example in self.examples)

    def __str__(self) -> str:
        return " is ".join(f"{example.part} {example}" for example in self.examples)


@dataclass(frozen=True)
class Verification:
    """The result of reading every byte of a data set.

    Attributes:
        name: the data set.
        folder: its folder in the cache.
        problems: a sentence per problem; none if all is as expected.
        faults: the examples and files that are not as expected.
        duplicates: examples that are in more than one part.
        counts: the number of duplicates by the names of two parts, such as "train and test"; None
            if the arrays cannot be opened.
    """

    name: str
    folder: Path
    problems: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    counts: Mapping[str, int] | None = None

    @property
    def intact(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def to_dict(self) -> dict[str, object]:
        """Return the verification in the form of the JSON output."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "problems": list(self.problems),
            "faults": [asdict(fault) for fault in self.faults],
            "duplicates": dict(self.counts or {}),
            "duplicate_examples": [
                [asdict(example) for example in found.examples] for found in self.duplicates
            ],
        }


def verify(wanted: Wanted, data_dir: Path | str | None = None) -> Verification:
    """Read every byte of a data set in the cache and name what is wrong.

    The user's data are also compared with the files that they were decoded from. A test example
    that is in another part too is a problem of the user's data; in published data it is only
    counted.

    Args:
        wanted: which data set; a study's `[data]` also compares training with validation examples.
        data_dir: where the user's data are instead of at their `path`.

    Raises:
        UsageError: unknown name, or the data set is not in the cache.
    """
    own = own_settings(wanted)
    folder, info, changes = compare_with_source(own, data_dir) if own else _published(wanted)
    damage = verify_folder(folder, info)
    problems, faults = (*changes.problems, *damage.problems), (*changes.faults, *damage.faults)
    if damage.problems and not damage.faults:  # the arrays cannot be opened
        return Verification(info.name, folder, problems, faults)
    split = None
    if not isinstance(wanted, str | DatasetInfo) and not problems:
        settings = fill_counts(wanted, info)
        split = split_dataset(open_dataset(wanted, folder), settings)
    duplicates = _duplicates(folder, info, split)
    if own:
        problems += _leaks(info.name, duplicates)
    counts = _counts(duplicates, split is not None)
    return Verification(info.name, folder, problems, faults, duplicates, counts)


def _published(wanted: Wanted) -> tuple[Path, DatasetInfo, Findings]:
    info = dataset_info(wanted)
    folder = cache_folder() / info.folder
    if not folder.is_dir():
        raise UsageError(
            f"{info.name}: must be in the cache to be verified, got no folder {folder}; "
            f"run `studyhall data fetch {info.name}`"
        )
    return folder, info, Findings()


def _leaks(name: str, duplicates: tuple[Duplicate, ...]) -> tuple[str, ...]:
    """Report test examples that are also trained on or used for selection."""
    leaks = [duplicate for duplicate in duplicates if "test" in duplicate.parts]
    if not leaks:
        return ()
    return (
        f"{name}: the test part must have no example of another part, got {len(leaks)}: "
        f"{listed(leaks)}; delete each from one of the two, and launch the study with --fresh",
    )


def _duplicates(folder: Path, info: DatasetInfo, split: Split | None) -> tuple[Duplicate, ...]:
    """Compare all examples across parts; without a study's split all training examples are one."""
    parts = {"train": split.train if split else np.arange(info.count("train"))}
    if split:
        parts["validation"] = split.validation
    parts["test"] = np.arange(info.count("test"))
    found: dict[bytes, list[tuple[str, int]]] = {}
    for part, indices in parts.items():
        images = open_array(folder, info, _array_of(part), "images")
        for index in indices.tolist():
            content = np.ascontiguousarray(images[index]).data
            digest = hashlib.blake2b(content, digest_size=16).digest()
            found.setdefault(digest, []).append((part, index))
    groups = [group for group in found.values() if len({part for part, _ in group}) > 1]
    names = ExampleNames(folder, info)
    return tuple(
        Duplicate(tuple(names.example(_array_of(part), index, part) for part, index in group))
        for group in groups
    )


def _array_of(part: str) -> str:
    """Return the split whose arrays hold a part."""
    return "test" if part == "test" else "train"


def _counts(duplicates: tuple[Duplicate, ...], split: bool) -> Mapping[str, int]:
    """Count the duplicates by pairs of parts; `split` says that there is a validation part."""
    pairs = [("train", "test")]
    if split:
        pairs += [("validation", "test"), ("train", "validation")]
    return {
        f"{one} and {other}": sum({one, other} <= found.parts for found in duplicates)
        for one, other in pairs
    }
