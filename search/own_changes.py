"""What became of the user's own files since they were decoded: changed, moved, gone or added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.arrays import open_array, read_about
from search.cache import cache_folder
from search.catalog import SPLITS, Collection
from search.duplicates import row_digest
from search.errors import UsageError
from search.faults import Example, Fault
from search.naming import Naming
from search.own_data import own_source, variant_of
from search.own_examples import OwnExamples, OwnSource
from search.own_page import PAGE, OwnPage, read_page
from search.own_versions import versions

if TYPE_CHECKING:
    from search.settings import DataSettings

NEXT_STEP = "put back what was, or take the data as they are now with `studyhall data fetch`"


@dataclass(frozen=True)
class Kept:
    """The user's own data as they were decoded, and what is other in their source now.

    Attributes:
        folder: their folder in the cache.
        collection: their description.
        problems: a sentence for each change.
        faults: the same by example.
    """

    folder: Path
    collection: Collection
    problems: tuple[str, ...]
    faults: tuple[Fault, ...]


def kept_data(settings: DataSettings, data_dir: Path | None = None) -> Kept:
    """Find what the cache has of the user's own data, and compare their source with it.

    What was decoded from the same place is compared with, or else what was last used of the name.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where the data are instead.

    Raises:
        UsageError: they are not there, or were never decoded.
    """
    source = own_source(settings, data_dir)
    sums = source.sums()
    exact = cache_folder() / f"{settings.name}{variant_of(source, settings, sums)}"
    page = read_page(exact)
    if page and source.orderly:
        return Kept(exact, page.collection, (), ())
    folder, page = (exact, page) if page else _last(settings, source, sums)
    changes = list(_changes(source, sums, page, folder, settings))
    return Kept(
        folder,
        page.collection,
        tuple(sentence for sentence, _ in changes),
        tuple(fault for _, fault in changes if fault),
    )


def _last(settings: DataSettings, source: OwnSource, sums: dict[str, str]) -> tuple[Path, OwnPage]:
    other = [one for one in versions(settings.name) if one[1].sums != sums]
    if not other:
        raise UsageError(
            f"{settings.name}: must have been decoded to be verified, got nothing of it in "
            f"{cache_folder()}; run `studyhall data fetch` with the same study file"
        )

    def recency(one: tuple[Path, OwnPage]) -> tuple[bool, int]:
        about = read_about(one[0])
        same = about is not None and about.source == str(source.place)
        return same, (one[0] / PAGE).stat().st_mtime_ns

    return max(other, key=recency)


Change = tuple[str, Fault | None]


def _changes(
    source: OwnSource, sums: dict[str, str], page: OwnPage, folder: Path, settings: DataSettings
) -> Iterator[Change]:
    """Say what changed; what is no data set any more also says why."""
    in_one_file = "" in page.sums
    if not in_one_file:
        yield from _changed_files(source, sums, page, folder)
    try:
        examples = source.examine(settings.height_and_width)
    except UsageError as error:
        fault = Fault("file", None, str(source.place)) if in_one_file else None
        yield from ((line, fault) for line in str(error).splitlines())
    else:
        if in_one_file:
            yield from _changed_rows(source, examples, page, folder)


def _changed_files(
    source: OwnSource, sums: dict[str, str], page: OwnPage, folder: Path
) -> Iterator[Change]:
    """Compare a folder's files by their digests."""
    naming, place = Naming(folder, page.collection), source.place
    where = {name: (s, i) for s in SPLITS for i, name in enumerate(page.files[s])}
    first = {digest: name for name, digest in reversed(page.sums.items())}

    def of(name: str) -> Example:
        return naming.example(*where[name])

    moved = {digest: name for name, digest in sums.items() if name not in page.sums}
    for name in sorted(page.sums.keys() | sums.keys()):
        was, now, path = page.sums.get(name), sums.get(name), str(place / name)
        if was == now:
            continue
        if was is None and now in first:
            one = first[now]
            if one in sums:
                told = f"is a copy of {place / one}, {_told(of(one))}, and was not there"
                yield f"{path}: {told}; {NEXT_STEP}", Fault("copy", of(one), path)
        elif was is None:
            yield (
                f"{path}: was not there when the data were decoded; {NEXT_STEP}",
                Fault("file", None, path),
            )
        elif now is None and was in moved:
            told = f"{_told(of(name))}, is {place / moved[was]} now"
            yield f"{path}: {told}; {NEXT_STEP}", Fault("label", of(name), path)
        elif now is None:
            yield f"{path}: {_told(of(name))}, is gone; {NEXT_STEP}", Fault("file", of(name), path)
        elif now in first and first[now] != name:
            told = f"{_told(of(name))}, is now a copy of {place / first[now]}"
            yield f"{path}: {told}; {NEXT_STEP}", Fault("copy", of(name), path)
        else:
            told = f"{_told(of(name))}, has other bytes than when it was decoded"
            yield f"{path}: {told}; {NEXT_STEP}", Fault("file", of(name), path)


def _changed_rows(
    source: OwnSource, examples: OwnExamples, page: OwnPage, folder: Path
) -> Iterator[Change]:
    """Compare the arrays of a .npz file with those that were decoded, example by example."""
    naming, place = Naming(folder, page.collection), str(source.place)
    found = {n: (p, i) for p, names in examples.files.items() for i, n in enumerate(names)}
    decoded = _decoded(folder, page)
    changes = 0
    for split in SPLITS:
        images = open_array(folder, page.collection, split, "images")
        labels = open_array(folder, page.collection, split, "labels")
        for index, name in enumerate(page.files[split]):
            if name not in found:
                changes += 1
                example = naming.example(split, index)
                yield (
                    f"{place}: {_told(example)}, is gone; {NEXT_STEP}",
                    Fault("file", example, place),
                )
                continue
            part, row = found.pop(name)
            now, label = examples.row(part, row), examples.labels[part][row]
            class_name, was = examples.classes[label], page.collection.classes[labels[index]]
            if class_name != was:
                changes += 1
                told = f"{_told(naming.example(split, index))}, is of class {class_name} now"
                fault = Fault("label", naming.example(split, index), place)
                yield f"{place}: {told}; {NEXT_STEP}", fault
            if not _same(now, images[index]):
                changes += 1
                yield _changed_row(naming.example(split, index), place, now, decoded, naming)
    for name in found:
        changes += 1
        yield (
            f"{place}: {name} was not there when the data were decoded; {NEXT_STEP}",
            Fault("file", None, place),
        )
    if not changes:
        told = "has other bytes than when it was decoded, though the same examples"
        yield f"{place}: {told}; {NEXT_STEP}", Fault("file", None, place)


def _changed_row(
    example: Example,
    place: str,
    now: npt.NDArray[Any],
    decoded: dict[bytes, tuple[str, int]],
    naming: Naming,
) -> Change:
    if (other := decoded.get(row_digest(now))) is None:
        told = f"{_told(example)}, has another image than when it was decoded"
        return f"{place}: {told}; {NEXT_STEP}", Fault("image", example, place)
    told = f"{_told(example)}, is now a copy of {_told(naming.example(*other))}"
    return f"{place}: {told}; {NEXT_STEP}", Fault("copy", example, place)


def _decoded(folder: Path, page: OwnPage) -> dict[bytes, tuple[str, int]]:
    """The split and index of each decoded example, by its digest."""
    return {
        row_digest(row): (split, index)
        for split in SPLITS
        for index, row in enumerate(open_array(folder, page.collection, split, "images"))
    }


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and np.array_equal(one, other)


def _told(example: Example) -> str:
    return f"{example.part} index {example}"
