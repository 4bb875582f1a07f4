"""A .npz file with the user's data.

It has `train_images` and `train_labels`, and `test_images` and `test_labels` unless the test part
is to be drawn. Images are uint8; points, with any number of inputs, are of a floating type. Labels
are whole numbers or strings.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studyhall.search.common.environment import machine_memory
from studyhall.search.common.errors import UsageError
from studyhall.search.data.faults import listed
from studyhall.search.data.own_examples import LabelError, OwnExamples, read_labels, require_enough

NAMES = {
    ("train", "images"): ("train_images", "x_train", "images"),
    ("train", "labels"): ("train_labels", "y_train", "labels"),
    ("test", "images"): ("test_images", "x_test"),
    ("test", "labels"): ("test_labels", "y_test"),
}
CLASSES = "classes"
_FORMS = (
    "uint8 images (N, height, width, 1 or 3) or (N, height, width), or float points (N, inputs)"
)

# Of a column's deviation, the rounding to float32 that may be lost; and the deviations that leave
# its standardized values finite.
_ROUNDING, _NARROWEST, _WIDEST = 1e-4, 1e-37, 3e38

# The errors that a damaged archive, or an array that is cut short, causes.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,  # a damaged header may claim any shape
    RuntimeError,  # the archive is encrypted, or compressed in an unknown way
)

Arrays = dict[tuple[str, str], npt.NDArray[Any]]


@dataclass(frozen=True)
class ArrayFile:
    """A .npz file, not yet read.

    Attributes:
        place: the file's path.
        orderly: that there is no problem that the file's digest would not show.
    """

    place: Path
    orderly: bool = True

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The names of its arrays; none if it cannot be opened."""
        try:
            with zipfile.ZipFile(self.place) as file:
                return tuple(name.removesuffix(".npy") for name in file.namelist())
        except _UNREADABLE:
            return ()

    @property
    def drawn(self) -> bool:
        """Whether it has no test part, so that one is drawn."""
        return not any(
            name in self.members for kind in ("images", "labels") for name in NAMES["test", kind]
        )

    def sums(self) -> dict[str, str]:
        """Return the file's hex SHA-256 under the name "", so that it can be renamed.

        The digest of a file that cannot be read is "".
        """
        try:
            with self.place.open("rb") as file:
                return {"": hashlib.file_digest(file, "sha256").hexdigest()}
        except OSError:
            return {"": ""}

    def examine(self, size: tuple[int, int] | None, background: str | None = None) -> OwnExamples:
        """Read all arrays.

        Args:
            size: must be None, since arrays are not resized.
            background: must be None, since arrays are not transparent.

        Raises:
            UsageError: they are not a data set; a line per mistake.
        """
        problems: list[str] = []
        for key, value in (("image_size", size), ("background", background)):
            if value is not None:
                problems.append(f"{key} goes with a folder of images; delete it from [data]")
        arrays, classes = self._read(problems)
        for part in dict.fromkeys(part for part, _ in arrays):
            problems += _misfits(self._names(part), arrays, part)
        if not problems:
            problems += self._unlike(arrays)
        given = {
            part: (self._names(part)["labels"], values)
            for (part, kind), values in arrays.items()
            if kind == "labels"
        }
        try:
            found, labels = read_labels(given, classes)
            if not problems:
                require_enough(found, labels, drawn=self.drawn)
        except LabelError as error:
            problems += str(error).splitlines()
        if problems:
            raise UsageError("\n".join(f"{self.place}: {problem}" for problem in problems))
        images = {part: _plain(arrays[part, "images"]) for part in labels}
        first = images["train"]
        return OwnExamples(
            classes=found,
            example_shape=first.shape[1:],
            example_type=np.uint8 if first.dtype == np.uint8 else np.float32,
            labels=labels,
            row=lambda part, index: images[part][index],
            files={
                part: tuple(f"{self._names(part)['images']}[{i}]" for i in range(len(values)))
                for part, values in labels.items()
            },
        )

    def _names(self, part: str) -> dict[str, str]:
        """Return the names of a part's arrays in the file; for a missing one the usual name."""
        return {
            kind: next((n for n in NAMES[part, kind] if n in self.members), NAMES[part, kind][0])
            for kind in ("images", "labels")
        }

    def _read(self, problems: list[str]) -> tuple[Arrays, npt.NDArray[Any] | None]:
        arrays: Arrays = {}
        if not self.members:
            problems.append("must be a .npz file, as numpy.savez writes it")
            return arrays, None
        with zipfile.ZipFile(self.place) as file:
            size, memory = sum(member.file_size for member in file.infolist()), machine_memory()
        if size > memory:
            rule = f"must fit into this machine's memory of {memory:,} bytes"
            problems.append(f"{rule}, got arrays of {size:,}; leave examples out")
            return arrays, None
        known = {name for names in NAMES.values() for name in names} | {CLASSES}
        for name in self.members:
            if name not in known:
                problems.append(f"{name}: unknown array; known: {', '.join(sorted(known))}")
        for key, names in NAMES.items():
            given = [name for name in names if name in self.members]
            if len(given) > 1:
                problems.append(f"{given[1]}: must not stand beside {given[0]}; keep one of them")
            if given and (array := self._array(given[0], problems)) is not None:
                arrays[key] = array
            elif not given and not (key[0] == "test" and self.drawn):
                problems.append(f"{names[0]}: is required")
        return arrays, self._array(CLASSES, problems) if CLASSES in self.members else None

    def _array(self, name: str, problems: list[str]) -> npt.NDArray[Any] | None:
        try:
            with np.load(self.place, allow_pickle=False) as file:
                array: npt.NDArray[Any] = file[name]
                return array
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())
            problems.append(f"{name}: must be a whole array without Python objects, got '{reason}'")
            return None

    def _unlike(self, arrays: Arrays) -> list[str]:
        """Return a problem if the two parts differ in type or shape."""
        if not {("train", "images"), ("test", "images")} <= arrays.keys():
            return []
        train, test = (_form(arrays[part, "images"]) for part in ("train", "test"))
        if train == test:
            return []
        names = {part: self._names(part)["images"] for part in ("train", "test")}
        return [f"{names['test']}: must hold {train} as {names['train']} does, got {test}"]


def _misfits(names: Mapping[str, str], arrays: Arrays, part: str) -> list[str]:
    """Return what is wrong with a part's examples and with the number of its labels."""
    images, labels = arrays.get((part, "images")), arrays.get((part, "labels"))
    problems: list[str] = []
    if images is not None:
        problems += [f"{names['images']}: {problem}" for problem in _misformed(images)]
    if images is None or labels is None or not (images.ndim and labels.ndim):
        return problems
    if len(images) != len(labels):
        rule = f"must be as many as {names['images']}, {len(images)}, got {len(labels)}"
        problems.append(f"{names['labels']}: {rule}")
    return problems


def _misformed(images: npt.NDArray[Any]) -> list[str]:
    """Return what is wrong with the type, shape or values of examples; empty if nothing is."""
    kind, shape = images.dtype, images.shape
    image = kind == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3)))
    points = kind.kind == "f" and len(shape) == 2
    if not (image or points) or 0 in shape:
        return [f"must be {_FORMS}, and not empty, got {kind} {shape}{_conversion(images)}"]
    if points:
        with np.errstate(over="ignore"):
            finite = np.isfinite(images.astype(np.float32)).all(axis=1)
        if not finite.all():
            where = listed(np.flatnonzero(~finite))
            return [f"must be finite numbers as float32, got others at index {where}"]
        return _indistinct(images)
    return []


def _conversion(images: npt.NDArray[Any]) -> str:
    """Return how to turn examples of another form into one that is read; empty if unknown."""
    kind, shape = images.dtype.kind, images.shape
    steps = {
        ("f", 3): "store bytes as .astype(numpy.uint8), or points as .reshape(len(images), -1)",
        ("f", 4): "store bytes as .astype(numpy.uint8), or points as .reshape(len(images), -1)",
        ("u", 2): "store images as .reshape(-1, height, width), points as .astype(numpy.float32)",
        ("i", 2): "store points as .astype(numpy.float32)",
        ("b", 2): "store points as .astype(numpy.float32)",
        ("f", 1): "store points of one input as .reshape(-1, 1)",
    }
    step = steps.get((kind, len(shape)))
    if kind in "iub" and images.dtype != np.uint8 and len(shape) in (3, 4):
        step = "scale them to 0 to 255, and store them as .astype(numpy.uint8)"
    elif images.dtype == np.uint8 and len(shape) == 4 and shape[1] in (1, 3):
        step = "store them as .transpose(0, 2, 3, 1)"
    elif images.dtype == np.uint8 and len(shape) == 4 and shape[3] == 4:
        step = "lay them on a background, and store them without the fourth channel"
    return f"; {step}" if step and 0 not in shape else ""


def _indistinct(points: npt.NDArray[Any]) -> list[str]:
    """Return a problem if columns vary by less, or by more, than float32 can tell apart.

    Such as times in seconds since 1970, whose neighbours in float32 are 128 seconds apart.
    """
    exact = points.astype(np.float64)
    error = np.abs(exact - points.astype(np.float32)).max(axis=0)
    least, most = exact.min(axis=0), exact.max(axis=0)
    deviation = (exact - least).std(axis=0)
    lost = (error > _ROUNDING * deviation) | (most - least > _WIDEST) | (deviation < _NARROWEST)
    columns = np.flatnonzero(lost & (most > least)).tolist()
    if not columns:
        return []
    found = listed(f"{least[c]!s} to {most[c]!s} in column {c}" for c in columns)
    return [
        f"must keep the differences within each column as float32, got {found}; subtract the "
        "column's mean and divide by its deviation before you store it"
    ]


def _form(images: npt.NDArray[Any]) -> str:
    kind = "points" if images.dtype.kind == "f" else str(images.dtype)
    return f"{kind} (N, {', '.join(map(str, images.shape[1:]))})"


def _plain(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return images with a channel axis, and points as float32."""
    if images.dtype == np.uint8:
        return images[..., None] if images.ndim == 3 else images
    return images.astype(np.float32)
