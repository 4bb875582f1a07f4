"""Examples of cached arrays by split, index, class and file."""

from __future__ import annotations

from pathlib import Path

from studyhall.search.data.arrays import open_array
from studyhall.search.data.catalog import SPLITS, Collection
from studyhall.search.data.dataset_manifest import OwnPage, read_page
from studyhall.search.data.faults import Example


class Naming:
    """Names examples of cached arrays.

    Args:
        folder: where the arrays lie.
        collection: the data set.

    Raises:
        UsageError: the labels cannot be opened.
    """

    def __init__(self, folder: Path, collection: Collection) -> None:
        self._classes = collection.classes
        self._page: OwnPage | None = read_page(folder)
        self._labels = {split: open_array(folder, collection, split, "labels") for split in SPLITS}

    def example(self, split: str, index: int, part: str = "") -> Example:
        """Name an example of the training or test arrays, as one of a study's part if given."""
        label = int(self._labels[split][index])
        known = label < len(self._classes)
        file = self._page.files[split][index] if self._page else ""
        return Example(part or split, index, self._classes[label] if known else str(label), file)
