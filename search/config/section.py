"""The base of all tables of a study file, and the types of value that several of them share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field
from pydantic_core import PydanticCustomError

Scalar = bool | int | float | str
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]

# The tags of a union of one value and a list of values; they never reach the user.
ONE, EACH = "one for all layers", "one for each layer"
ONE_OR_EACH = Discriminator(lambda value: EACH if isinstance(value, list | tuple) else ONE)


class Section(BaseModel):
    """A table of a study file: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def as_tuple(value: object) -> object:
    """A TOML list as the tuple that a frozen settings object holds."""
    return tuple(value) if isinstance(value, list) else value


def rule(message: str) -> PydanticCustomError:
    """The error for a broken rule; the user reads `message`."""
    return PydanticCustomError("rule", "{message}", {"message": message})
