"""The tags of a run, read with a sentence for a tag that is missing or makes no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from studyhall.search.common.errors import StudyhallError
from studyhall.search.config.study_spec import FreshSeed
from studyhall.search.training.building import TrialSeed

Word = TypeVar("Word", bound=str)
_ENVIRONMENT = ("code.", "machine.", "library.", "python")
_SEED = "studyhall.seed"
FINALIST = "studyhall.finalist"  # the trial of the search that a finalist retrains
FRESH_SEED = "studyhall.fresh_seed"


@dataclass(frozen=True)
class RunTags:
    """The tags of one run; a method that needs a tag raises StudyhallError if it is missing."""

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
        """The code, machine and libraries of the run, under the names of `environment`."""
        names = {key.removeprefix("studyhall."): value for key, value in self.values.items()}
        return {name: value for name, value in names.items() if name.startswith(_ENVIRONMENT)}


def seed_tags(seed: TrialSeed) -> dict[str, str]:
    """The tags that name a trial's seeds: the study's, and a finalist's trial and fresh seed."""
    fresh = (
        {FINALIST: str(seed.fresh.trial), FRESH_SEED: str(seed.fresh.seed)} if seed.fresh else {}
    )
    return {_SEED: str(seed.study), **fresh}


def tagged_seed(tags: RunTags) -> TrialSeed:
    """Read the tags that `seed_tags` wrote.

    Raises:
        StudyhallError: a tag is missing or no number.
    """
    fresh = None
    if tags.get(FINALIST) is not None:
        fresh = FreshSeed(tags.number(FINALIST), tags.number(FRESH_SEED))
    return TrialSeed(tags.number(_SEED), tags.number("studyhall.trial"), fresh)
