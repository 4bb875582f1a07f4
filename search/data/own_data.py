"""Data sets of the user's own: found, decoded once into the cache, and known again by content.

A folder of the cache holds, beside the arrays and their page, `collection.json`: what the data set
is and the SHA-256 of each file that it was decoded from. Its name has the digest of all that, so
that a changed file, or another size of pictures, makes another data set.
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
from studyhall.search.data.arrays import About, write_about, write_arrays
from studyhall.search.data.cache import cache_folder, filling, publish, require_space, staging
from studyhall.search.data.catalog import SPLITS, Batch, Collection, Piece, UndecodableError
from studyhall.search.data.dataset_manifest import (
    Own,
    OwnPage,
    last_used,
    mark_used,
    read_page,
    write_page,
)
from studyhall.search.data.integrity import digests, verify_folder, write_checks
from studyhall.search.data.own_arrays import ArrayFile
from studyhall.search.data.own_examples import OwnExamples, OwnSource, content_digest
from studyhall.search.data.own_folder import PictureFolder
from studyhall.search.data.sources import VARIABLE
from studyhall.search.data.splits import draw_test

if TYPE_CHECKING:
    from studyhall.search.config.data_settings import DataSettings

# By split, the part of the source and the index there of each example.
Rows = dict[str, list[tuple[str, int]]]
TEST_SHARE = 0.2
_VERSION = 1  # of what is decoded from the same files


def own_source(settings: DataSettings, data_dir: Path | str | None = None) -> OwnSource:
    """Find a data set of the user's own; nothing but names is read.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where it is instead; by default STUDYHALL_DATA says, if it is set.

    Raises:
        UsageError: there is no such folder or file, or `[data]` does not go with it.
    """
    elsewhere = data_dir or os.environ.get(VARIABLE)
    option = f"--data-dir or {VARIABLE}" if elsewhere else "data.path"
    place = Path(elsewhere or settings.path or "").expanduser().absolute()
    if place.is_dir():
        source: OwnSource = PictureFolder(place)
    elif place.is_file() and place.suffix.lower() == ".npz":
        source = ArrayFile(place)
    else:
        got = "a file of another kind" if place.is_file() else "nothing there"
        raise UsageError(
            f"{option}: must name a folder of pictures by class or a .npz file, got {place} "
            f"({got}); correct it, or name where the data are now with --data-dir"
        )
    if settings.test_share is not None and not source.drawn:
        raise UsageError(
            f"data.test_share: goes with data without a test part, got {settings.test_share} for "
            f"{place}; delete it"
        )
    return source


def variant_of(source: OwnSource, settings: DataSettings, sums: dict[str, str]) -> str:
    """Return what tells decoded data from others of their name, from all that they depend on."""
    drawing = [settings.test_share or TEST_SHARE, settings.seed] if source.drawn else None
    told = [_VERSION, content_digest(sums), settings.height_and_width, drawing]
    return f"-own-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"


def own_data(
    settings: DataSettings,
    data_dir: Path | str | None = None,
    progress: Progress = SILENT,
) -> tuple[Path, Collection]:
    """Make a data set of the user's own ready in the cache.

    That does not yet make it what `data verify` compares with; see `mark_used`.

    Args:
        settings: a study file's `[data]` with a `path`.
        data_dir: where it is instead.
        progress: told of the steps.

    Returns:
        Its folder in the cache, verified to the byte, and its description.

    Raises:
        UsageError: it is not there or is no data set; every mistake, a line each.
    """
    source = own_source(settings, data_dir)
    sums = source.sums()
    cache, name = cache_folder(), f"{settings.name}{variant_of(source, settings, sums)}"
    folder = cache / name
    if source.orderly and (page := _intact(folder, SILENT)):
        return folder, page.collection
    examples = source.examine(settings.height_and_width)
    with filling(cache, name, progress):
        # Whoever held the right before may have done the work.
        if not (page := _intact(folder, progress)):
            with staging(cache, name) as temporary:
                page = _decode(examples, source, settings, sums, temporary / "arrays", progress)
                # A launch may refuse them yet: no one has taken what was just decoded.
                mark_used(temporary / "arrays", last_used(folder))
                publish(temporary / "arrays", folder)
    return folder, page.collection


def _intact(folder: Path, progress: Progress) -> OwnPage | None:
    page = read_page(folder)
    if page is None:
        return None
    problems = verify_folder(folder, page.collection).problems
    for problem in problems:
        progress.note(f"{problem}; decoding it again")
    return None if problems else page


def _decode(
    examples: OwnExamples,
    source: OwnSource,
    settings: DataSettings,
    sums: dict[str, str],
    folder: Path,
    progress: Progress,
) -> OwnPage:
    rows = _chosen(examples, settings)
    collection = Collection(
        name=settings.name,
        classes=examples.classes,
        example_shape=examples.example_shape,
        batches=tuple(Batch(split, split, 0, len(rows[split]), "", "") for split in SPLITS),
        origin=Own(),
        source_url=source.place.name,
        example_type=examples.example_type,
        variant=variant_of(source, settings, sums),
        balanced=True,
    )
    require_space(folder.parent, collection.decoded_bytes)
    progress.start(f"Decoding {settings.name}", collection.decoded_bytes)
    folder.mkdir()
    problems: list[str] = []
    write_arrays(folder, collection, _pieces(examples, rows, progress, problems))
    if problems:
        raise UsageError("\n".join(problems))
    found = digests(folder, collection)
    batches = tuple(
        replace(batch, images=found[batch.name]["images"], labels=found[batch.name]["labels"])
        for batch in collection.batches
    )
    page = OwnPage(replace(collection, batches=batches), sums, _files(examples, rows))
    write_checks(folder, page.collection)
    write_about(folder, About(str(source.place), "", False, found))
    write_page(folder, page)
    return page


def _chosen(examples: OwnExamples, settings: DataSettings) -> Rows:
    if "test" in examples.labels:
        return {
            split: [(split, index) for index in range(len(examples.labels[split]))]
            for split in SPLITS
        }
    share = settings.test_share or TEST_SHARE
    test = draw_test(examples.labels["train"], share, settings.seed)
    return {
        "train": [("train", index) for index in np.flatnonzero(~test).tolist()],
        "test": [("train", index) for index in np.flatnonzero(test).tolist()],
    }


def _files(examples: OwnExamples, rows: Rows) -> dict[str, tuple[str, ...]]:
    return {
        split: tuple(examples.files[part][index] for part, index in chosen)
        for split, chosen in rows.items()
    }


def _pieces(
    examples: OwnExamples,
    chosen: Rows,
    progress: Progress,
    problems: list[str],
) -> Iterator[Piece]:
    """Yield each example and label; what cannot be decoded is left out and told in `problems`."""
    for part, rows in chosen.items():
        for start, (of, index) in enumerate(rows):
            try:
                image = examples.row(of, index)[None]
            except UndecodableError as error:
                problems.append(str(error))
                continue
            yield Piece(part, "images", start, image)
            progress.advance(image.nbytes)
        labels = [examples.labels[of][index] for of, index in rows]
        yield Piece(part, "labels", 0, np.array(labels, np.uint8))
