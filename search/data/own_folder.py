"""A folder of images by class, with the user's data.

Images are in `train/CLASS/` and `test/CLASS/`, or in `CLASS/` alone; then the test part is drawn.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import SPLITS, UndecodableError
from studyhall.search.data.images import FORMATS, Header, header, pixels
from studyhall.search.data.own_examples import MOST_CLASSES, OwnExamples, needed_per_class

_IGNORED = ("Thumbs.db", "desktop.ini")  # files that file browsers create
_NAMED = 5  # the number of files to name if the same is wrong with many
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
        return not any((self.place / part).is_dir() for part in SPLITS)

    @cached_property
    def parts(self) -> dict[str, Path]:
        """By part, the folder that holds the folders of classes."""
        if self.drawn:
            return {"train": self.place}
        return {part: self.place / part for part in SPLITS}

    @property
    def holders(self) -> tuple[Path, ...]:
        """The folders that hold images and nothing else."""
        classes = tuple(self.place / name for name in self.classes)
        return classes if self.drawn else tuple(self.parts.values())

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The sorted names of the folders of classes, of either part."""
        found = (_folders(path) for path in self.parts.values() if path.is_dir())
        return tuple(sorted({folder.name for part in found for folder in part}))

    @cached_property
    def files(self) -> dict[str, tuple[tuple[int, Path], ...]]:
        """By part, the label and path of each image, ordered by class and name."""
        return {
            part: tuple(
                (label, path)
                for label, name in enumerate(self.classes)
                for path in _entries(folder / name)
                if not path.is_dir()
            )
            for part, folder in self.parts.items()
        }

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

    def examine(self, size: tuple[int, int] | None) -> OwnExamples:
        """Read the header of every image.

        Args:
            size: the height and width to resize images to; None to keep theirs.

        Raises:
            UsageError: the folder is not a data set; a line per mistake.
        """
        problems = list(self._structural_problems())
        headers, broken = self._headers()
        problems += broken.values()
        if size is None:
            problems += _odd_sizes(headers, self.place)
        channels = 1 if headers and all(found.grey for found in headers.values()) else 3
        # Damage behind a header is otherwise found when the images are decoded into the cache.
        if problems:
            problems += _damaged(headers, channels)
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
            row=lambda part, index: _decoded(self.files[part][index][1], channels, size),
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
            yield from _loose_images(folder)
            paths = (path for _, path in self.files[part])
            yield from _undecodable_names((*_folders(folder), *paths), folder)
            if folder.is_dir():
                yield from self._few(part, folder)

    def _reserved(self) -> list[str]:
        """Name each folder that is a class by its content but has the name of a part."""
        named = [path for path in (self.place / part for part in SPLITS) if path.is_dir()]
        others = any(folder.name not in SPLITS for folder in _folders(self.place))
        if not others or any(_folders(path) or not _images(path) for path in named):
            return []
        return [
            f"{path}: must not be the name of a class, since train and test name the parts of a "
            f"data set; rename it, such as to {path.name}_class"
            for path in named
        ]

    def _misplaced(self) -> Iterator[str]:
        """Name a missing part, and the folders beside the parts."""
        for part, path in self.parts.items():
            if not path.is_dir():
                other = next(other for other in SPLITS if other != part)
                yield (
                    f"{path}: must stand beside {other}, got no such folder; make it, or put the "
                    f"classes of {other} right into {self.place} to have a test part drawn"
                )
        for folder in _folders(self.place):
            if folder.name not in SPLITS:
                yield f"{folder}: must not stand beside train and test; move its images there"

    def _few(self, part: str, folder: Path) -> Iterator[str]:
        """Name the classes with too few images in a part, and folders within their folders."""
        counts = Counter(label for label, _ in self.files[part])
        needed = needed_per_class(part, drawn=self.drawn)
        for label, name in enumerate(self.classes):
            for inner in _folders(folder / name):
                yield f"{inner}: must be an image, got a folder; put its images into {name}"
            if counts[label] < needed:
                least = "1 image" if needed == 1 else f"{needed} images"
                yield (
                    f"{folder / name}: must hold at least {least} ({_USES[needed]}), "
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


def _entries(folder: Path) -> list[Path]:
    """Return a folder's files and folders by name, without hidden ones; none if it is missing."""
    if not folder.is_dir():
        return []
    found = sorted(folder.iterdir(), key=lambda path: path.name)
    return [path for path in found if not path.name.startswith(".") and path.name not in _IGNORED]


def _folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _images(folder: Path) -> list[Path]:
    """Return the files directly in a folder whose names end as those of images."""
    from PIL import Image

    endings = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
    return [p for p in _entries(folder) if not p.is_dir() and p.suffix.lower() in endings]


def _loose_images(folder: Path) -> Iterator[str]:
    """Name the images beside the folders of classes; other files there, such as notes, are fine."""
    one = "must lie in the folder of its class; move it there or delete it"
    rest = "more images must lie in the folder of their class; move them there or delete them"
    yield from _first_few(dict.fromkeys(_images(folder), one), folder, rest)


def _undecodable_names(paths: Iterable[Path], folder: Path) -> Iterator[str]:
    """Name the files whose names are not UTF-8, because the manifest keeps names as text."""
    rule = "must have a name in UTF-8; rename it"
    problems = {path: rule for path in paths if _printable(path.name) != path.name}
    yield from _first_few(problems, folder, "more names must be in UTF-8; rename them")


def _first_few(problems: Mapping[Path, str], folder: Path, rest: str) -> Iterator[str]:
    """Yield the problems of the first paths, then the number of other paths followed by `rest`."""
    for path in list(problems)[:_NAMED]:
        yield f"{_printable(str(path))}: {problems[path]}"
    if len(problems) > _NAMED:
        yield f"{folder}: {len(problems) - _NAMED:,} {rest}"


def _printable(name: str) -> str:
    """Return a name with each byte that is not UTF-8 as a hexadecimal escape."""
    return os.fsencode(name).decode(errors="backslashreplace")


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
    yield from _first_few(problems, place, f"more of {len(headers):,} images have other sizes")


def _damaged(headers: dict[Path, Header], channels: int) -> Iterator[str]:
    """Name the images with a sound header but damaged pixels."""
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
    return " ".join(f"{path}: {error}; replace it or delete it".split())


def _sum(path: Path) -> str:
    try:
        return hashlib.sha256(_read(path)).hexdigest()
    except UndecodableError:
        return ""  # differs from every file's digest; `examine` reports the reason


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UndecodableError(f"must be readable, got '{error.strerror or error}'") from error
