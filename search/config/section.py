"""What all tables of a study file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Discriminator
from pydantic_core import PydanticCustomError

Scalar = bool | int | float | str
ONE, EACH = "one for all layers", "one for each layer"
ONE_OR_EACH = Discriminator(lambda value: EACH if isinstance(value, list | tuple) else ONE)


class Section(BaseModel):
    """A table of a study file: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def as_tuple(value: object) -> object:
    """A TOML list as the tuple that a frozen settings object holds."""
    return tuple(value) if isinstance(value, list) else value


def rule(message: str) -> PydanticCustomError:
    """A broken rule, in the words that the user reads."""
    return PydanticCustomError("rule", "{message}", {"message": message})
