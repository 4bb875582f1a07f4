"""Stopping a study from anywhere: its storage passes the wish on to every launch of it."""

from __future__ import annotations

from dataclasses import dataclass

from studyhall.search.common.errors import UsageError
from studyhall.search.common.options import Options
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.studies import recorded_finalists


@dataclass(frozen=True)
class Stopping:
    """A study whose launches were asked to stop, and the machines that are at its trials."""

    study: str
    at_once: bool
    at_work: dict[int, str]

    def to_dict(self) -> dict[str, object]:
        """The same as JSON holds it."""
        return {
            "study": self.study,
            "at_once": self.at_once,
            "at_work": {str(number): machine for number, machine in self.at_work.items()},
        }


def stop(name: str, options: Options | None = None, *, at_once: bool = False) -> Stopping:
    """Ask all launches of a study to finish the trials that run, or to stop at once.

    They hear it within a second, wherever they run; what they have done is kept, and a new launch
    goes on from there.

    Args:
        name: The study.
        options: Where it is recorded.
        at_once: Whether trials that run are left unfinished.

    Raises:
        UsageError: there is no such study.
    """
    options = options or Options()
    study = open_recorded(name, options.address, writable=True)
    if study.search_id is not None:
        raise UsageError(f"{name}: is a study of finalists; name the search, whose launch has both")
    study.ask_to_stop(at_once=at_once)
    finalists = recorded_finalists(study)
    at_work = study.at_work() | (finalists.at_work() if finalists else {})
    return Stopping(name, at_once, at_work)
