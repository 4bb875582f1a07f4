"""`[data]`: which data a study is on, and how they are split."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from studyhall.search.config.section import EACH, ONE, ONE_OR_EACH, Section, as_tuple, rule

Side = Annotated[int, Field(ge=1, le=4096)]
ImageSize = Annotated[
    Annotated[Side, Tag(ONE)] | Annotated[tuple[Side, Side], BeforeValidator(as_tuple), Tag(EACH)],
    ONE_OR_EACH,
]
# A test holds these to the data sets that there are; NumPy is not needed to check a name.
POINT_SETS = ("two_blobs", "two_moons")
DATA_NAMES = ("cifar10", "mnist", *POINT_SETS)
_OWN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class DataSettings(Section):
    """`[data]`: the data set, its split by index, and how raw values become inputs.

    Of points, `seed` decides the points themselves as well as the split. A `path` makes it a data
    set of the user's own: `image_size` resizes its images, `test_share` says how much is sealed
    where no test part is given, and `seed` draws that. There alone `train` and `validation` may be
    left out; 0 stands for that, and `studyhall.search.data.splits` fills them in.
    """

    name: str = Field(
        description=(
            "The data set: `cifar10`, `mnist`, `two_moons` or `two_blobs`; with `path`, a name of "
            "your own."
        )
    )
    path: str | None = Field(
        None,
        description=(
            "Data of your own: a folder of pictures by class, or a `.npz` file; a relative path "
            "starts at the study file's folder."
        ),
    )
    image_size: ImageSize | None = Field(
        None,
        description=(
            "What pictures of your own are resized to: one side, or height and width; without it "
            "all must have one size."
        ),
    )
    test_share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description=(
            "The share of data of your own that is drawn for the test split and sealed, where no "
            "test part is given; a fifth without it."
        ),
    )
    train: Annotated[int, Field(ge=1)] = Field(
        0,
        description=(
            "How many examples are trained on. It may be left out for data of your own alone: then "
            "all that validation leaves."
        ),
    )
    validation: Annotated[int, Field(ge=1)] = Field(
        0,
        description=(
            "How many examples trials are compared by; they are never trained on. It may be left "
            "out for data of your own alone: then a fifth."
        ),
    )
    test: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How many test examples the evaluation reads; without it, all of them."
    )
    shuffle: bool = Field(
        True,
        description=(
            "Whether the examples are mixed before they are split; if not, training takes the "
            "first."
        ),
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="What the mixing is drawn from; of points, the points themselves too."
    )
    noise: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None,
        description=(
            "The standard deviation of the noise on points; for `two_moons` and `two_blobs` alone."
        ),
    )
    preprocessing: Literal["standardize", "mean_image", "unit", "none"] = Field(
        "standardize",
        description=(
            "How raw values become inputs: each feature less its mean and divided by its "
            "deviation over the training examples, less its mean alone, bytes divided by 255, or "
            "as they are. It may be searched."
        ),
    )

    @property
    def height_and_width(self) -> tuple[int, int] | None:
        """What pictures are resized to; None where they are taken as they are."""
        size = self.image_size
        return (size, size) if isinstance(size, int) else size

    @field_validator("path")
    @classmethod
    def _own_data_have_a_name_of_their_own(
        cls, path: str | None, others: ValidationInfo
    ) -> str | None:

        name = others.data.get("name")
        if path is None or name is None:
            return path
        if name in DATA_NAMES:
            raise rule(f"goes with a name of your own, got '{name}', which is a data set here")
        if not _OWN_NAME.fullmatch(name):
            raise rule(
                "goes with a name of letters, digits, '.', '_' and '-' that begins with a letter "
                f"or digit, got '{name}'"
            )
        return path

    @field_validator("image_size", "test_share")
    @classmethod
    def _belongs_to_own_data(cls, value: object, others: ValidationInfo) -> object:
        if value is not None and others.data.get("path", "") is None:
            raise rule(f"goes with data.path alone, got {value}")
        return value

    @field_validator("noise")
    @classmethod
    def _noise_belongs_to_points(cls, noise: float | None, others: ValidationInfo) -> float | None:

        name = others.data.get("name")
        if noise is not None and name is not None and name not in POINT_SETS:
            raise rule(f"goes with {' or '.join(POINT_SETS)} alone, got {noise} for {name}")
        return noise

    @field_validator("preprocessing")
    @classmethod
    def _unit_belongs_to_images(cls, preprocessing: str, others: ValidationInfo) -> str:

        if preprocessing == "unit" and (name := others.data.get("name")) in POINT_SETS:
            raise rule(f"must not be 'unit' for {name}, whose values are no bytes")
        return preprocessing
