"""What tells a study from others of its name, where several people share MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Identity:
    """A study as its own storage knows it.

    A name says little on a server that several people use, and users may change names there. What
    is recorded in MLflow belongs to the study whose id it has.

    Attributes:
        name: The study's name.
        study_id: Its id; None if the storage has no study of that name.
        experiment: The name that its experiment was created under.
        own: The ids of the study and of its finalists.
        names: The names of all studies in the storage, by their ids.
        siblings: The ids of those that share its experiment: itself, its finalists, and studies of
            its name that were set aside.
    """

    name: str
    study_id: str | None = None
    experiment: str = ""
    own: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    siblings: frozenset[str] = frozenset()
