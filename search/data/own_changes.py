"""What became of the user's own files since they were decoded: changed, moved, gone or added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.arrays import open_array, read_about
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.catalog import SPLITS, Collection
from studyhall.search.data.dataset_manifest import OwnPage, last_used, read_page
from studyhall.search.data.duplicates import row_digest
from studyhall.search.data.faults import Example, Fault, FaultKind
from studyhall.search.data.naming import Naming
from studyhall.search.data.own_data import own_source, variant_of
from studyhall.search.data.own_examples import OwnExamples, OwnSource
from studyhall.search.data.own_versions import versions

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

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


def kept_data(settings: DataSettings, data_dir: Path | str | None = None) -> Kept:
    """Find what the cache has of the user's own data, and compare their source with it.

    What a study or `data fetch` last took of the same place is compared with, or else of the name;
    what a refused command decoded is not.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where the data are instead.

    Raises:
        UsageError: they are not there, or were never decoded.
    """
    source = own_source(settings, data_dir)
    sums = source.sums()
    exact = cache_folder() / f"{settings.name}{variant_of(source, settings, sums)}"
    folder, page = _compared(exact, settings, source, sums)
    if folder == exact and source.orderly:
        return Kept(exact, page.collection, (), ())
    changes = list(_changes(source, sums, page, folder, settings))
    return Kept(
        folder,
        page.collection,
        tuple(sentence for sentence, _ in changes),
        tuple(fault for _, fault in changes if fault),
    )


def _compared(
    exact: Path, settings: DataSettings, source: OwnSource, sums: dict[str, str]
) -> tuple[Path, OwnPage]:
    """The version that the source must be like, which may be what it is, `exact`."""
    page = read_page(exact)
    other = [
        one
        for one in versions(settings.name)
        if one[1].sums != sums and (page is None or last_used(one[0]))
    ]
    if page and (last_used(exact) or not other):
        return exact, page
    if not other:
        raise UsageError(
            f"{settings.name}: must have been decoded to be verified, got nothing of it in "
            f"{cache_folder()}; run `studyhall data fetch` with the same study file"
        )

    def recency(one: tuple[Path, OwnPage]) -> tuple[bool, bool, int]:
        about, used = read_about(one[0]), last_used(one[0])
        same = about is not None and about.source == str(source.place)
        return used > 0, same, used

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
    naming = Naming(folder, page.collection)
    where = {name: (s, i) for s in SPLITS for i, name in enumerate(page.files[s])}
    first = {digest: name for name, digest in reversed(page.sums.items())}
    added = {digest: name for name, digest in sums.items() if name not in page.sums}
    for name in sorted(page.sums.keys() | sums.keys()):
        was, now = page.sums.get(name), sums.get(name)
        if was == now or (was is None and now in first and first[now] not in sums):
            continue  # the latter is where a file went that is missing elsewhere
        path, same = str(source.place / name), first.get(now or "")
        if was is None:
            yield _added(path, naming.example(*where[same]) if same else None, source.place)
            continue
        kind: FaultKind = "file"
        if same is not None:
            kind, told = "copy", f"is now a copy of {source.place / same}"
        elif now is None and was in added:
            kind, told = "label", f"is {source.place / added[was]} now"
        else:
            told = "is gone" if now is None else "has other bytes than when it was decoded"
        yield _change(path, told, kind, naming.example(*where[name]))


def _added(path: str, same: Example | None, place: Path) -> Change:
    """Say of a new file whether an example is the same."""
    if same is None:
        return _change(path, "was not there when the data were decoded", "file", None)
    told = f"is a copy of {place / same.file} ({_told(same)}), and was not there before"
    return f"{path}: {told}; {NEXT_STEP}", Fault("copy", same, path)


def _changed_rows(
    source: OwnSource, examples: OwnExamples, page: OwnPage, folder: Path
) -> Iterator[Change]:
    """Compare the arrays of a .npz file with those that were decoded."""
    place = str(source.place)
    changes = list(_rows(place, examples, page, folder))
    known = {name for names in page.files.values() for name in names}
    for name in (name for names in examples.files.values() for name in names):
        if name not in known:
            told = f"{name} was not there when the data were decoded"
            changes.append(_change(place, told, "file", None))
    if not changes:
        told = "has other bytes than when it was decoded, though the same examples"
        changes.append(_change(place, told, "file", None))
    yield from changes


def _rows(place: str, examples: OwnExamples, page: OwnPage, folder: Path) -> Iterator[Change]:
    """Compare each example that was decoded with what is in its place now."""
    naming, decoded = Naming(folder, page.collection), _decoded(folder, page)
    found = {n: (p, i) for p, names in examples.files.items() for i, n in enumerate(names)}
    for split in SPLITS:
        images = open_array(folder, page.collection, split, "images")
        for index, name in enumerate(page.files[split]):
            example = naming.example(split, index)
            if name not in found:
                yield _change(place, "is gone", "file", example)
                continue
            part, row = found[name]
            class_name = examples.classes[examples.labels[part][row]]
            if class_name != example.class_name:
                yield _change(place, f"is of class {class_name} now", "label", example)
            if _same(now := examples.row(part, row), images[index]):
                continue
            if other := decoded.get(row_digest(now)):
                told = f"is now a copy of {_told(naming.example(*other))}"
                yield _change(place, told, "copy", example)
            else:
                told = "has another image than when it was decoded"
                yield _change(place, told, "image", example)


def _change(path: str, told: str, kind: FaultKind, example: Example | None) -> Change:
    """Say what became of an example, or of a file that has none."""
    of = f"{_told(example)}, " if example else ""
    return f"{path}: {of}{told}; {NEXT_STEP}", Fault(kind, example, path)


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
