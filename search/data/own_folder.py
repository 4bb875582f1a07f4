"""A folder of images by class, with the user's data.

Images are in `train/CLASS/` and `test/CLASS/`, or in `CLASS/` alone; then the test part is drawn.
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
from studyhall.search.data.images import WHITE, Header, header, pixels, read_file
from studyhall.search.data.own_entries import (
    composed,
    entries,
    first_few,
    folders,
    images,
    loose_images,
    undecodable_names,
)
from studyhall.search.data.own_examples import MOST_CLASSES, OwnExamples, needed_per_class

# The names of the folders of parts, in any case of letters.
_PARTS = {"train": ("train", "training"), "test": ("test", "testing")}
MORE_BROKEN = "more files must be images that can be read; replace them or delete them"
_USES = {
    1: "one to test by",
    2: "one to train on and one to validate by",
    3: "one each to train on, to validate by and to test by",
}


@dataclass(frozen=True)
class ImageFolder:
    """A folder of images; the images are not yet read.

    Attributes:
        place: the folder's path.
    """

    place: Path

    @cached_property
    def drawn(self) -> bool:
        """Whether it has no test part, so that one is drawn."""
        return not any(map(_part_of, folders(self.place)))

    @cached_property
    def parts(self) -> dict[str, Path]:
        """By part, the folder that holds the folders of classes."""
        if self.drawn:
            return {"train": self.place}
        named = {_part_of(folder): folder for folder in folders(self.place)}
        return {part: named.get(part, self.place / part) for part in SPLITS}

    @property
    def holders(self) -> tuple[Path, ...]:
        """The folders that hold images and nothing else."""
        return tuple(folders(self.place)) if self.drawn else tuple(self.parts.values())

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The sorted names of the folders of classes, of either part."""
        found = (folder for path in self.parts.values() for folder in folders(path))
        return tuple(sorted({composed(folder.name) for folder in found}))

    @cached_property
    def files(self) -> dict[str, tuple[tuple[int, Path], ...]]:
        """By part, the label and path of each image, ordered by class and name."""
        return {
            part: tuple(
                (label, path)
                for label, holders in enumerate(self._holders_by_class(folder))
                for holder in holders
                for path in entries(holder)
                if not path.is_dir()
            )
            for part, folder in self.parts.items()
        }

    def _holders_by_class(self, part: Path) -> list[list[Path]]:
        """Return the folders of each class in a part: one, unless two systems wrote its name."""
        found: dict[str, list[Path]] = {name: [] for name in self.classes}
        for folder in folders(part):
            found[composed(folder.name)].append(folder)
        return list(found.values())

    def name(self, path: Path) -> str:
        """Return a file's name relative to the folder."""
        return path.relative_to(self.place).as_posix()

    def sums(self) -> dict[str, str]:
        """Return the hex SHA-256 of each file by its name; "" for one that cannot be read."""
        paths = [path for files in self.files.values() for _, path in files]
        return {self.name(path): _sum(path) for path in paths}

    @property
    def orderly(self) -> bool:
        """Whether the folders have no problem; digests of the files would not show one."""
        return not any(self._structural_problems())

    def examine(self, size: tuple[int, int] | None, background: str | None = None) -> OwnExamples:
        """Read the header of every image.

        Args:
            size: the height and width to resize images to; None to keep theirs.
            background: the colour to lay transparent images on; None for white.

        Raises:
            UsageError: the folder is not a data set; a line per mistake.
        """
        problems = list(self._structural_problems())
        background = background or WHITE
        headers, broken = self._headers(background)
        problems += first_few(broken, self.place, MORE_BROKEN)
        if size is None:
            problems += _odd_sizes(headers, self.place)
        channels = 1 if headers and all(found.grey for found in headers.values()) else 3
        # Damage behind a header is otherwise found when the images are decoded into the cache.
        if problems:
            problems += _damaged(headers, channels, self.place)
            raise UsageError("\n".join(problems))
        first = next(iter(headers.values()))
        return OwnExamples(
            classes=self.classes,
            example_shape=(*(size or (first.height, first.width)), channels),
            example_type=np.uint8,
            labels={
                part: np.array([label for label, _ in files], np.uint8)
                for part, files in self.files.items()
            },
            row=lambda part, index: _decoded(
                self.files[part][index][1], channels, size, background
            ),
            files={
                part: tuple(self.name(path) for _, path in files)
                for part, files in self.files.items()
            },
        )

    def _structural_problems(self) -> Iterator[str]:
        """Yield what is wrong with the folders, a sentence per mistake."""
        if reserved := self._reserved():
            yield from reserved  # the checks below would take this class for a part
            return
        if not self.drawn:
            yield from self._misplaced()
        if len(self.classes) < 2:
            got = f"got {self.classes[0]} alone" if self.classes else "got none"
            yield f"{self.place}: must have a folder of images for each of two classes, {got}"
        if len(self.classes) > MOST_CLASSES:
            yield f"{self.place}: must have at most {MOST_CLASSES} classes, got {len(self.classes)}"
        for part, folder in self.parts.items():
            yield from loose_images(folder)
            paths = (path for _, path in self.files[part])
            yield from undecodable_names((*folders(folder), *paths), folder)
            if folder.is_dir():
                yield from self._few(part, folder)

    def _reserved(self) -> list[str]:
        """Name each folder that is a class by its content but has the name of a part."""
        named = [folder for folder in folders(self.place) if _part_of(folder)]
        others = len(folders(self.place)) > len(named)
        if not others or any(folders(path) or not images(path) for path in named):
            return []
        return [
            f"{path}: must not be the name of a class, since train and test name the parts of a "
            f"data set; rename it, such as to {path.name}_class"
            for path in named
        ]

    def _misplaced(self) -> Iterator[str]:
        """Name a missing part, and the folders beside the parts."""
        for path in self.parts.values():
            if not path.is_dir():
                other = next(other for other in self.parts.values() if other.is_dir()).name
                yield (
                    f"{path}: must stand beside {other}, got no such folder; make it, or put the "
                    f"classes of {other} right into {self.place} to have a test part drawn"
                )
        for folder in folders(self.place):
            if folder not in self.parts.values():
                train, test = (self.parts[part].name for part in SPLITS)
                yield f"{folder}: must not stand beside {train} and {test}; move its images there"

    def _few(self, part: str, folder: Path) -> Iterator[str]:
        """Name the classes with too few images in a part, and folders within their folders."""
        counts = Counter(label for label, _ in self.files[part])
        needed = needed_per_class(part, drawn=self.drawn)
        least = "1 image" if needed == 1 else f"{needed} images"
        inner, few = {}, {}
        for label, holders in enumerate(self._holders_by_class(folder)):
            name = self.classes[label]
            for path in (inner for holder in holders for inner in folders(holder)):
                inner[path] = f"must be an image, got a folder; put its images into {name}"
            if counts[label] < needed:
                few[folder / name] = (
                    f"must hold at least {least} ({_USES[needed]}), got {counts[label]}; add some, "
                    "or delete the class everywhere"
                )
        yield from first_few(few, folder, f"more classes must hold at least {least}")
        yield from first_few(inner, folder, "more folders lie in the folders of classes")

    def _headers(self, background: str) -> tuple[dict[Path, Header], dict[Path, str]]:
        headers, broken = {}, {}
        for _, path in (file for files in self.files.values() for file in files):
            try:
                headers[path] = header(_read(path), background)
            except UndecodableError as error:
                broken[path] = _next_step(error)
        return headers, broken


def _odd_sizes(headers: dict[Path, Header], place: Path) -> Iterator[str]:
    """Name the images whose size is not that of most."""
    sizes = Counter(found.size for found in headers.values())
    if not sizes:
        return
    usual = sizes.most_common(1)[0][0]
    way_out = "image_size = 32, or [height, width], in [data] resizes them all"
    problems = {
        path: f"must have the size of most images, {usual}, got {found.size}; {way_out}"
        for path, found in headers.items()
        if found.size != usual
    }
    yield from first_few(problems, place, f"more of {len(headers):,} images have other sizes")


def _damaged(headers: dict[Path, Header], channels: int, place: Path) -> Iterator[str]:
    """Name the images with a sound header but damaged pixels."""
    problems = {}
    for path in headers:
        try:
            pixels(_read(path), channels)
        except UndecodableError as error:
            problems[path] = _next_step(error)
    yield from first_few(problems, place, MORE_BROKEN)


def _decoded(
    path: Path, channels: int, size: tuple[int, int] | None, background: str
) -> npt.NDArray[np.uint8]:
    try:
        return pixels(_read(path), channels, size, background)
    except UndecodableError as error:
        raise UndecodableError(f"{path}: {_next_step(error)}") from error


def _next_step(error: UndecodableError) -> str:
    return " ".join(f"{error}; replace it or delete it".split())


def _part_of(folder: Path) -> str | None:
    """Return which part a folder holds by its name; None if it is the name of a class."""
    return next((part for part, names in _PARTS.items() if folder.name.lower() in names), None)


def _sum(path: Path) -> str:
    try:
        return hashlib.sha256(_read(path)).hexdigest()
    except UndecodableError:
        return ""  # differs from every file's digest; `examine` reports the reason


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise UndecodableError(f"must be readable, got '{error.strerror or error}'") from error
