"""How the user's files differ from those that were decoded: changed, removed or added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studyhall.search.common.errors import UsageError
from studyhall.search.data.arrays import open_array, read_provenance
from studyhall.search.data.cache import cache_folder
from studyhall.search.data.catalog import SPLITS, DatasetInfo
from studyhall.search.data.dataset_manifest import DatasetManifest, last_used, read_manifest
from studyhall.search.data.faults import Example, ExampleNames, Fault, FaultKind, Findings
from studyhall.search.data.own_data import OwnSource, own_source, variant_of
from studyhall.search.data.own_examples import OwnExamples
from studyhall.search.data.recorded_data import versions

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

NEXT_STEP = "restore it, or take the data as they are now with `studyhall data fetch`"
_ADDED = "was added after the data were decoded"
Change = tuple[str, Fault | None]


def compare_with_source(
    settings: DataSettings, data_dir: Path | str | None = None
) -> tuple[Path, DatasetInfo, Findings]:
    """Find the user's data in the cache and compare the files of their source with them.

    The source is compared with the version that a study or `data fetch` used last from the same
    place or, if there is none, of the same name. A version that was decoded for a command that was
    then refused counts as unused.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where the data are instead.

    Returns:
        The version's folder in the cache, its description, and the changes of the source.

    Raises:
        UsageError: the source does not exist, or was never decoded.
    """
    source = own_source(settings, data_dir)
    sums = source.sums()
    current = cache_folder() / f"{settings.name}{variant_of(source, settings, sums)}"
    folder, manifest = _last_used_version(current, settings, source, sums)
    if folder == current and source.orderly:
        return current, manifest.info, Findings()
    changes = list(_changes(source, sums, manifest, folder, settings))
    problems = tuple(problem for problem, _ in changes)
    return folder, manifest.info, Findings(problems, tuple(f for _, f in changes if f))


def _last_used_version(
    current: Path, settings: DataSettings, source: OwnSource, sums: dict[str, str]
) -> tuple[Path, DatasetManifest]:
    """Return the version to compare with; `current` is the folder of the source's present state."""
    manifest = read_manifest(current)
    others = [
        version
        for version in versions(settings.name)
        if version[1].sums != sums and (manifest is None or last_used(version[0]))
    ]
    if manifest and (last_used(current) or not others):
        return current, manifest
    if not others:
        raise UsageError(
            f"{settings.name}: must have been decoded to be verified, got nothing of it in "
            f"{cache_folder()}; run `studyhall data fetch` with the same study file"
        )

    def recency(version: tuple[Path, DatasetManifest]) -> tuple[bool, bool, int]:
        provenance, used = read_provenance(version[0]), last_used(version[0])
        same_place = provenance is not None and provenance.source == str(source.place)
        return used > 0, same_place, used

    return max(others, key=recency)


def _changes(
    source: OwnSource,
    sums: dict[str, str],
    manifest: DatasetManifest,
    folder: Path,
    settings: DataSettings,
) -> Iterator[Change]:
    """Yield each change and, if the source can no longer be decoded, the reasons."""
    in_one_file = "" in manifest.sums
    if not in_one_file:
        yield from _changed_files(source, sums, manifest, folder)
    try:
        examples = source.examine(settings.height_and_width, settings.background)
    except UsageError as error:
        fault = Fault("file", None, str(source.place)) if in_one_file else None
        yield from ((line, fault) for line in str(error).splitlines())
    else:
        if in_one_file:
            yield from _changed_rows(source, examples, manifest, folder)


def _changed_files(
    source: OwnSource, sums: dict[str, str], manifest: DatasetManifest, folder: Path
) -> Iterator[Change]:
    """Compare a folder's files by their digests."""
    names = ExampleNames(folder, manifest.info)
    index_of = {name: (s, i) for s in SPLITS for i, name in enumerate(manifest.files[s])}
    for name in sorted(manifest.sums.keys() | sums.keys()):
        was, now = manifest.sums.get(name), sums.get(name)
        if was == now:
            continue
        what = f"{'was removed' if now is None else 'has changed'} since it was decoded"
        example = None if was is None else names.example(*index_of[name])
        yield _change(str(source.place / name), what if example else _ADDED, "file", example)


def _changed_rows(
    source: OwnSource, examples: OwnExamples, manifest: DatasetManifest, folder: Path
) -> Iterator[Change]:
    """Compare the arrays of a .npz file, row by row, with those that were decoded."""
    place = str(source.place)
    changes = list(_decoded_rows(place, examples, manifest, folder))
    decoded = {name for names in manifest.files.values() for name in names}
    present = [name for names in examples.files.values() for name in names]
    news = [f"{name} {_ADDED}" for name in present if name not in decoded]
    if not changes and not news:
        news = ["has changed since it was decoded, but has the same examples"]
    yield from changes
    yield from (_change(place, what, "file", None) for what in news)


def _decoded_rows(
    place: str, examples: OwnExamples, manifest: DatasetManifest, folder: Path
) -> Iterator[Change]:
    """Compare each decoded example with the present row of the same name."""
    names = ExampleNames(folder, manifest.info)
    present = {n: (p, i) for p, files in examples.files.items() for i, n in enumerate(files)}
    for split in SPLITS:
        images = open_array(folder, manifest.info, split, "images")
        for index, name in enumerate(manifest.files[split]):
            example = names.example(split, index)
            if name not in present:
                yield _change(place, "was removed since it was decoded", "file", example)
                continue
            part, row = present[name]
            class_name = examples.classes[examples.labels[part][row]]
            if class_name != example.class_name:
                yield _change(place, f"is of class {class_name} now", "label", example)
            now, was = examples.row(part, row), images[index]
            if now.dtype != was.dtype or not np.array_equal(now, was):
                yield _change(place, "has another image than was decoded", "image", example)


def _change(path: str, what: str, kind: FaultKind, example: Example | None) -> Change:
    """Return the sentence and the fault of a change; `example` is None for an added file."""
    subject = f"{example.part} index {example}, " if example else ""
    return f"{path}: {subject}{what}; {NEXT_STEP}", Fault(kind, example, path)
