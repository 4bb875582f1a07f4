"""A folder of pictures by class, which is a data set of the user's own.

`train/CLASS/` and `test/CLASS/`, or `CLASS/` alone, in which case the test part is drawn.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import SPLITS, UndecodableError
from studyhall.search.data.own_examples import MOST_CLASSES, OwnExamples
from studyhall.search.data.own_listing import (
    entries,
    first_few,
    folders,
    loose_pictures,
    pictures,
    undecodable_names,
)
from studyhall.search.data.own_pictures import Header, header, pixels


@dataclass(frozen=True)
class PictureFolder:
    """A folder of pictures that was listed, its pictures not yet read.

    Attributes:
        place: the folder.
    """

    place: Path

    @cached_property
    def drawn(self) -> bool:
        """Whether it has no test part of its own."""
        return not any((self.place / part).is_dir() for part in SPLITS)

    @cached_property
    def parts(self) -> dict[str, Path]:
        """The folder of classes of each part that it has."""
        if self.drawn:
            return {"train": self.place}
        return {part: self.place / part for part in SPLITS}

    @property
    def holders(self) -> tuple[Path, ...]:
        """The folders that hold its pictures, and nothing else."""
        classes = tuple(self.place / name for name in self.classes)
        return classes if self.drawn else tuple(self.parts.values())

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the folders of classes, sorted; a folder that one part has is a class."""
        found = (folders(path) for path in self.parts.values() if path.is_dir())
        return tuple(sorted({folder.name for part in found for folder in part}))

    @cached_property
    def files(self) -> dict[str, tuple[tuple[int, Path], ...]]:
        """By part, each picture's label and path, by class and then by name."""
        return {
            part: tuple(
                (label, path)
                for label, name in enumerate(self.classes)
                for path in entries(folder / name)
                if not path.is_dir()
            )
            for part, folder in self.parts.items()
        }

    def name(self, path: Path) -> str:
        """A file's name within the folder."""
        return path.relative_to(self.place).as_posix()

    def sums(self) -> dict[str, str]:
        """Return the hex SHA-256 of each picture's file by its name; see `OwnSource`."""
        paths = [path for files in self.files.values() for _, path in files]
        return {self.name(path): _sum(path) for path in paths}

    @property
    def orderly(self) -> bool:
        """Whether its folders are those of a data set."""
        return not any(self.structural_problems())

    def examine(self, size: tuple[int, int] | None) -> OwnExamples:
        """Look at every picture; see `OwnSource`."""
        problems = list(self.structural_problems())
        headers, broken = self._headers()
        problems += broken.values()
        if size is None:
            problems += _odd_sizes(headers, self.place)
        channels = 1 if headers and all(found.grey for found in headers.values()) else 3
        # Otherwise what is damaged behind its header is found where it is decoded, once.
        if problems:
            problems += _damaged(headers, channels)
            raise UsageError("\n".join(problems))
        first = next(iter(headers.values()))
        return OwnExamples(
            classes=self.classes,
            example_shape=(*(size or (first.height, first.width)), channels),
            example_type=np.uint8,
            labels={part: _labels(files) for part, files in self.files.items()},
            row=lambda part, index: _decoded(self.files[part][index][1], channels, size),
            files={
                part: tuple(self.name(path) for _, path in files)
                for part, files in self.files.items()
            },
        )

    def structural_problems(self) -> Iterator[str]:
        """Say what is wrong with the folders, a sentence each."""
        if reserved := self._reserved():
            yield from reserved  # what follows would be told of a part that is none
            return
        if not self.drawn:
            yield from self._misplaced()
        if len(self.classes) < 2:
            got = f"got {self.classes[0]} alone" if self.classes else "got none"
            yield f"{self.place}: must have a folder of pictures for each of two classes, {got}"
        if len(self.classes) > MOST_CLASSES:
            yield f"{self.place}: must have at most {MOST_CLASSES} classes, got {len(self.classes)}"
        for part, folder in self.parts.items():
            yield from loose_pictures(folder)
            paths = (path for _, path in self.files[part])
            yield from undecodable_names((*folders(folder), *paths), folder)
            if folder.is_dir():
                yield from self._few(part, folder)

    def _reserved(self) -> list[str]:
        """Say of a class among others that it has the name of a part."""
        named = [path for path in (self.place / part for part in SPLITS) if path.is_dir()]
        others = any(folder.name not in SPLITS for folder in folders(self.place))
        if not others or any(folders(path) or not pictures(path) for path in named):
            return []
        return [
            f"{path}: must not be the name of a class, since train and test name the parts of a "
            f"data set; rename it, such as to {path.name}_class"
            for path in named
        ]

    def _misplaced(self) -> Iterator[str]:
        for part, path in self.parts.items():
            if not path.is_dir():
                other = next(other for other in SPLITS if other != part)
                yield (
                    f"{path}: must stand beside {other}, got no such folder; make it, or put the "
                    f"classes of {other} right into {self.place} to have a test part drawn"
                )
        for folder in folders(self.place):
            if folder.name not in SPLITS:
                yield f"{folder}: must not stand beside train and test; move its pictures there"

    def _few(self, part: str, folder: Path) -> Iterator[str]:
        """Each class must have pictures for all that this part is split into."""
        counts = Counter(label for label, _ in self.files[part])
        # To train on, to validate by and, if that is drawn from here too, to test by.
        needed = 1 if part == "test" else 3 if self.drawn else 2
        uses = {1: "one to test by", 2: "one to train on and one to validate by"}
        use = uses.get(needed, "one each to train on, to validate by and to test by")
        for label, name in enumerate(self.classes):
            for inner in folders(folder / name):
                yield f"{inner}: must be a picture, got a folder; put its pictures into {name}"
            if counts[label] < needed:
                least = "1 picture" if needed == 1 else f"{needed} pictures"
                yield (
                    f"{folder / name}: must hold at least {least} ({use}), "
                    f"got {counts[label]}; add some, or delete the class everywhere"
                )

    def _headers(self) -> tuple[dict[Path, Header], dict[Path, str]]:
        headers, broken = {}, {}
        for _, path in (file for files in self.files.values() for file in files):
            try:
                headers[path] = header(_read(path))
            except UndecodableError as error:
                broken[path] = _sentence(path, error)
        return headers, broken


def _odd_sizes(headers: dict[Path, Header], place: Path) -> Iterator[str]:
    """Name the pictures that have not the size that most have."""
    sizes = Counter(found.size for found in headers.values())
    if not sizes:
        return
    usual = sizes.most_common(1)[0][0]
    way_out = "image_size = 32, or [height, width], in [data] resizes them all"
    told = {
        path: f"must have the size of most pictures, {usual}, got {found.size}; {way_out}"
        for path, found in headers.items()
        if found.size != usual
    }
    yield from first_few(told, place, f"more of {len(headers):,} pictures have other sizes")


def _damaged(headers: dict[Path, Header], channels: int) -> Iterator[str]:
    """Say which of the pictures with a sound header have no sound pixels."""
    for path in headers:
        try:
            _decoded(path, channels, None)
        except UndecodableError as error:
            yield str(error)


def _decoded(path: Path, channels: int, size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    try:
        return pixels(_read(path), channels, size)
    except UndecodableError as error:
        raise UndecodableError(_sentence(path, error)) from error


def _sentence(path: Path, error: UndecodableError) -> str:
    return " ".join(f"{path}: {error}; mend it or delete it".split())


def _labels(files: tuple[tuple[int, Path], ...]) -> npt.NDArray[np.uint8]:
    return np.array([label for label, _ in files], np.uint8)


def _sum(path: Path) -> str:
    try:
        return hashlib.sha256(_read(path)).hexdigest()
    except UndecodableError:
        return ""  # like no file's; `examine` says why


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UndecodableError(f"must be readable, got '{error.strerror or error}'") from error
