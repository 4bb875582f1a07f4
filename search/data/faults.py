"""What is wrong with single examples of a data set, named so that a user finds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

FaultKind = Literal["image", "label", "file", "copy"]

_NAMED = 5


@dataclass(frozen=True)
class Example:
    """An example of a data set.

    Attributes:
        part: "train" or "test"; given a study, also "validation".
        index: its index in the training or the test arrays.
        class_name: its class, as its label now says.
        file: its file within the user's own data, or array and index; empty for other data sets.
    """

    part: str
    index: int
    class_name: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.index} ({', '.join(filter(None, (self.class_name, self.file)))})"

    def to_dict(self) -> dict[str, object]:
        """The example as JSON holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Fault:
    """An example that is not as it must be.

    Attributes:
        kind: what is: its image, its label, its file in the user's own data (one that cannot be
            decoded, is gone, or was added), or that it is now the copy of another example.
        example: the example; None for a file that has none.
        file: the source file or the cached array that it was found in.
    """

    kind: FaultKind
    example: Example | None
    file: str

    def to_dict(self) -> dict[str, object]:
        """The fault as JSON holds it."""
        return {
            "kind": self.kind,
            "file": self.file,
            "example": self.example.to_dict() if self.example else None,
        }


def listed(items: Iterable[object], most: int = _NAMED) -> str:
    """Return the first of many, and how many more there are."""
    names = [str(item) for item in items]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
