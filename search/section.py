"""What all tables of a study file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

Scalar = bool | int | float | str


class Section(BaseModel):
    """A table of a study file: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def as_tuple(value: object) -> object:
    """A TOML list as the tuple that a frozen settings object holds."""
    return tuple(value) if isinstance(value, list) else value


def rule(message: str) -> PydanticCustomError:
    """A broken rule, in the words that the user reads."""
    return PydanticCustomError("rule", "{message}", {"message": message})
