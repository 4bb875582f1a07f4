"""The user's data: found, decoded once into the cache, and recognized by content.

A folder of the cache has, beside the arrays, `collection.json` with a description of the data set
and the SHA-256 of each file that it was decoded from. The folder's name has a digest of all that,
so that a changed file, or another image size, makes another data set.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.data.arrays import Provenance, write_arrays
from studyhall.search.data.cache import cache_folder, exclusive, require_space, staging
from studyhall.search.data.catalog import (
    DATA_VARIABLE,
    SPLITS,
    Batch,
    DatasetInfo,
    Piece,
    UndecodableError,
)
from studyhall.search.data.dataset_manifest import (
    DatasetManifest,
    last_used,
    mark_used,
    read_manifest,
    write_manifest,
)
from studyhall.search.data.integrity import digests, finish_folder, verify_folder
from studyhall.search.data.own_arrays import ArrayFile
from studyhall.search.data.own_entries import NAMED
from studyhall.search.data.own_examples import OwnExamples
from studyhall.search.data.own_folder import MORE_BROKEN, ImageFolder
from studyhall.search.data.splits import draw_test

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

# A folder or file that exists, but has not been read yet.
OwnSource = ImageFolder | ArrayFile
# By split, the part of the source that its examples are in, and their indices there.
Rows = dict[str, tuple[str, list[int]]]
TEST_SHARE = 0.2
_VERSION = 2  # to be raised when the same files are decoded in another way


def own_source(settings: DataSettings, data_dir: Path | str | None = None) -> OwnSource:
    """Find the user's folder or file, without reading its examples.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where it is instead; by default the place in STUDYHALL_DATA, if that is set.

    Raises:
        UsageError: there is no such folder or file, or `[data]` does not fit it.
    """
    elsewhere = data_dir or os.environ.get(DATA_VARIABLE)
    option = f"--data-dir or {DATA_VARIABLE}" if elsewhere else "data.path"
    place = Path(os.path.expanduser(elsewhere or settings.path or "")).absolute()
    if place.is_dir():
        source: OwnSource = ImageFolder(place)
    elif place.is_file() and place.suffix.lower() == ".npz":
        source = ArrayFile(place)
    else:
        got = "a file of another kind" if place.is_file() else "nothing there"
        raise UsageError(
            f"{option}: must name a folder of images by class or a .npz file, got {place} "
            f"({got}); correct it, or name where the data are now with --data-dir"
        )
    if settings.test_share is not None and not source.drawn:
        raise UsageError(
            f"data.test_share: goes with data without a test part, got {settings.test_share} for "
            f"{place}; delete it"
        )
    return source


def variant_of(source: OwnSource, settings: DataSettings, sums: dict[str, str]) -> str:
    """Return the end of the cache folder's name: a digest of all that decoding depends on."""
    drawing = [settings.test_share or TEST_SHARE, settings.seed] if source.drawn else None
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    # Names that are not UTF-8 are refused later, with a message.
    content = hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    inputs = [_VERSION, content, settings.height_and_width, settings.background, drawing]
    return f"-own-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]}"


def own_data(
    settings: DataSettings, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> tuple[Path, DatasetInfo]:
    """Make the user's data ready in the cache.

    The data do not count as used by that: `data verify` compares with the version that `mark_used`
    marked last.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where the data are instead.
        progress: is told of the steps.

    Returns:
        Their folder in the cache, verified to the byte, and their description.

    Raises:
        UsageError: they do not exist or are not a data set; a line per mistake.
    """
    source = own_source(settings, data_dir)
    sums = source.sums()
    folder = cache_folder() / f"{settings.name}{variant_of(source, settings, sums)}"
    if source.orderly and (manifest := _intact(folder, SILENT)):
        return folder, manifest.info
    examples = source.examine(settings.height_and_width, settings.background)
    with exclusive(folder, progress):
        # Another process may have decoded them while this one waited.
        if not (manifest := _intact(folder, progress)):
            with staging(folder) as temporary:
                staged = temporary / "arrays"
                manifest = _decode(examples, source, settings, sums, staged, progress)
                # The command may yet refuse the data, so decoding them is not a use.
                mark_used(staged, last_used(folder))
    return folder, manifest.info


def _intact(folder: Path, progress: Progress) -> DatasetManifest | None:
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    problems = verify_folder(folder, manifest.info).problems
    for problem in problems:
        progress.note(f"{problem}; decoding it again")
    return None if problems else manifest


def _decode(
    examples: OwnExamples,
    source: OwnSource,
    settings: DataSettings,
    sums: dict[str, str],
    folder: Path,
    progress: Progress,
) -> DatasetManifest:
    rows = _chosen(examples, settings)
    info = DatasetInfo(
        name=settings.name,
        classes=examples.classes,
        example_shape=examples.example_shape,
        batches=tuple(Batch(split, split, 0, len(rows[split][1]), "", "") for split in SPLITS),
        origin=None,
        source_url=source.place.name,
        example_type=examples.example_type,
        variant=variant_of(source, settings, sums),
        balanced=True,
    )
    require_space(folder.parent, info.decoded_bytes)
    progress.start(f"Decoding {settings.name}", info.decoded_bytes)
    folder.mkdir()
    problems: list[str] = []
    write_arrays(folder, info, _pieces(examples, rows, progress, problems))
    if problems:
        more = [f"{source.place}: {len(problems) - NAMED:,} {MORE_BROKEN}"]
        raise UsageError("\n".join(problems[:NAMED] + more * (len(problems) > NAMED)))
    found = digests(folder, info)
    batches = tuple(
        replace(batch, images=found[batch.name]["images"], labels=found[batch.name]["labels"])
        for batch in info.batches
    )
    files = {
        split: tuple(examples.files[part][index] for index in indices)
        for split, (part, indices) in rows.items()
    }
    manifest = DatasetManifest(replace(info, batches=batches), sums, files)
    finish_folder(folder, manifest.info, Provenance(str(source.place), "", False, found))
    write_manifest(folder, manifest)
    return manifest


def _chosen(examples: OwnExamples, settings: DataSettings) -> Rows:
    if "test" in examples.labels:
        return {split: (split, list(range(len(examples.labels[split])))) for split in SPLITS}
    share = settings.test_share or TEST_SHARE
    test = draw_test(examples.labels["train"], share, settings.seed)
    chosen = {"train": ~test, "test": test}
    return {split: ("train", np.flatnonzero(rows).tolist()) for split, rows in chosen.items()}


def _pieces(
    examples: OwnExamples, rows: Rows, progress: Progress, problems: list[str]
) -> Iterator[Piece]:
    """Yield each example and label; for an image that cannot be decoded, add to `problems`."""
    for split, (part, indices) in rows.items():
        for start, index in enumerate(indices):
            try:
                image = examples.row(part, index)[None]
            except UndecodableError as error:
                problems.append(str(error))
                continue
            yield Piece(split, "images", start, image)
            progress.advance(image.nbytes)
        yield Piece(split, "labels", 0, examples.labels[part][indices])
