"""The base of all tables of a study file, and the types of value that several of them share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

RECORDED = {"recorded": True}  # pydantic's context for what was checked before it was recorded


def is_recorded(info: ValidationInfo) -> bool:
    """Whether a record is read, which can hold what a study file no longer may."""
    return info.context == RECORDED


def only_in_files(*kinds: str) -> WrapValidator:
    """Lift limits that stand before it for records, because earlier versions had others.

    Args:
        kinds: Pydantic's names of the errors that a record can have.
    """

    def validated(value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return check(value)
        except ValidationError as error:
            if is_recorded(info) and error.errors()[0]["type"] in kinds:
                return value
            raise

    return WrapValidator(validated)


MOST_IN_FILES = only_in_files("less_than_equal")
Scalar = bool | int | float | str
Count = Annotated[int, Field(ge=1, le=1_000_000_000), MOST_IN_FILES]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A table of a study file: strict types, finite numbers, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Item = TypeVar("Item")
Items = TypeVar("Items")
# A TOML list, as the tuple that a frozen settings object holds.
TupleOf = Annotated[tuple[Item, ...], BeforeValidator(_as_tuple)]
# The tags of a union of one value and a list of values; they never reach the user.
ONE, EACH = "one for all layers", "one for each layer"
OneOrEach = Annotated[
    Annotated[Item, Tag(ONE)] | Annotated[Items, BeforeValidator(_as_tuple), Tag(EACH)],
    Discriminator(lambda value: EACH if isinstance(value, list | tuple) else ONE),
]


def rule(message: str) -> PydanticCustomError:
    """The error for a broken rule; the user reads `message`."""
    return PydanticCustomError("rule", "{message}", {"message": message})
