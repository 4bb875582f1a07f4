"""What a check of a data set found: sentences for people, and the examples and files concerned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studyhall.search.data.arrays import open_array
from studyhall.search.data.catalog import SPLITS, DatasetInfo
from studyhall.search.data.dataset_manifest import read_manifest

FaultKind = Literal["image", "label", "file"]

_NAMED = 5


@dataclass(frozen=True)
class Example:
    """An example of a data set.

    Attributes:
        part: "train" or "test"; in a study's split also "validation".
        index: its index in the training or the test arrays.
        class_name: the class of its present label.
        file: its file within the user's data, or its array and index; empty for other data sets.
    """

    part: str
    index: int
    class_name: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.index} ({', '.join(filter(None, (self.class_name, self.file)))})"


@dataclass(frozen=True)
class Fault:
    """An example or a file that is not as expected.

    Attributes:
        kind: what differs: an example's image, its label, or a file of the user's data (changed,
            removed, added, or not decodable).
        example: the example; None for a file that holds none.
        file: the source file or the cached array with the fault.
    """

    kind: FaultKind
    example: Example | None
    file: str


@dataclass(frozen=True)
class Findings:
    """The result of a check.

    Attributes:
        problems: a sentence per problem; none if all is as expected.
        faults: the examples and files that differ, as far as they can be told.
    """

    problems: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


class ExampleNames:
    """Describes examples of cached arrays by class and file.

    Args:
        folder: the folder of the arrays.
        info: the data set.

    Raises:
        UsageError: the labels cannot be opened.
    """

    def __init__(self, folder: Path, info: DatasetInfo) -> None:
        self._classes = info.classes
        self._manifest = read_manifest(folder)
        self._labels = {split: open_array(folder, info, split, "labels") for split in SPLITS}

    def example(self, split: str, index: int, part: str = "") -> Example:
        """Describe an example of the arrays of `split`; `part` is its part of a study's split."""
        label = int(self._labels[split][index])
        known = label < len(self._classes)
        file = self._manifest.files[split][index] if self._manifest else ""
        return Example(part or split, index, self._classes[label] if known else str(label), file)


def listed(items: Iterable[object], most: int = _NAMED) -> str:
    """Return the first `most` items and the number of others, such as "a, b and 3 more"."""
    names = [str(item) for item in items]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
