"""The tags of a run, read with a sentence for what is missing or makes no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from studyhall.search.common.errors import StudyhallError

Word = TypeVar("Word", bound=str)
_ENVIRONMENT = ("code.", "machine.", "library.", "python")


@dataclass(frozen=True)
class RunTags:
    """The tags of one run; each method that asks for one raises StudyhallError without it."""

    run_id: str
    values: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """A tag that a run may lack."""
        return self.values.get(name)

    def required(self, name: str, default: str | None = None) -> str:
        """A tag that a run must have, unless there is a default."""
        value = self.values.get(name, default)
        if value is None:
            raise StudyhallError(
                f"run {self.run_id}: has no tag {name}, without which it cannot be trained again"
            )
        return value

    def number(self, name: str, default: str | None = None) -> int:
        """A tag that is a whole number of at least 0."""
        value = self.required(name, default)
        if not (value.isascii() and value.isdigit()):
            raise StudyhallError(
                f"run {self.run_id}: its tag {name} must be a whole number, got '{value}'"
            )
        return int(value)

    def choice(self, name: str, choices: Sequence[Word], default: Word | None = None) -> Word:
        """A tag that is one of a few words."""
        value = self.required(name, default)
        for word in choices:
            if word == value:
                return word
        raise StudyhallError(
            f"run {self.run_id}: its tag {name} must be {' or '.join(choices)}, got '{value}'"
        )

    def environment(self) -> dict[str, str]:
        """What the run says of code, machine and libraries, by the names of `environment`."""
        names = {key.removeprefix("studyhall."): value for key, value in self.values.items()}
        return {name: value for name, value in names.items() if name.startswith(_ENVIRONMENT)}
