"""`[data]`: which data a study is on, and how they are split."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from studyhall.search.config.section import Count, OneOrEach, Section, Seed, rule

Side = Annotated[int, Field(ge=1, le=4096)]
# A test compares these with the data sets that exist; checking a name needs no NumPy this way.
POINT_SETS = ("two_blobs", "two_moons")
DATA_NAMES = ("cifar10", "mnist", *POINT_SETS)
_OWN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class DataSettings(Section):
    """`[data]`: the data set, its split by index, and how raw values become inputs.

    A `path` makes it a data set of the user's own. Only then can `train` and `validation` be left
    out: they are 0 until `studyhall.search.data.splits` fills them in.
    """

    name: str = Field(
        description="The data set: `cifar10`, `mnist`, `two_moons` or `two_blobs`; with `path`, "
        "a name of your own."
    )
    path: str | None = Field(
        None,
        description="Data of your own: a folder of images by class, or a `.npz` file; a relative "
        "path starts at the study file's folder.",
    )
    image_size: OneOrEach[Side, tuple[Side, Side]] | None = Field(
        None,
        description="The size that images of your own are resized to: one side, or height and "
        "width; without it all images must have one size.",
    )
    background: Annotated[str, Field(pattern=r"^(white|black|#[0-9A-Fa-f]{6})$")] | None = Field(
        None,
        description="The colour that transparent images of your own are laid on, `white`, `black` "
        "or `#rrggbb`, also by `predict`; white without it.",
    )
    test_share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="The share of your own data that is drawn by `seed` for the test split and "
        "sealed, where the data have no test part; a fifth without it.",
    )
    train: Count = Field(
        0,
        description="The number of training examples. It can be left out only for data of your "
        "own: then it is all that validation leaves.",
    )
    validation: Count = Field(
        0,
        description="The number of examples by which trials are compared; no trial trains on "
        "them. It can be left out only for data of your own: then it is a fifth.",
    )
    test: Count | None = Field(
        None,
        description="The number of test examples for the evaluation, from the first one, or of "
        "your own data from the first of each class; without it, all of them.",
    )
    shuffle: bool = Field(
        True,
        description="Whether the examples are shuffled before the split; if not, training takes "
        "the first, of data in the order of their classes the first of each class.",
    )
    seed: Seed = Field(0, description="The seed of the shuffling; for points, of the points too.")
    noise: Annotated[float, Field(ge=0, le=100)] | None = Field(
        None,
        description="The standard deviation of the noise on points; only for `two_moons` and "
        "`two_blobs`.",
    )
    preprocessing: Literal["standardize", "mean_image", "unit", "none"] = Field(
        "standardize",
        description="How raw values become inputs: `standardize` subtracts each feature's mean "
        "over the training examples and divides by its deviation, `mean_image` only subtracts the "
        "mean, `unit` divides bytes by 255, `none` changes nothing. It can be searched.",
    )

    @property
    def height_and_width(self) -> tuple[int, int] | None:
        """The size that images are resized to; None if they keep their own."""
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

    @field_validator("image_size", "background", "test_share")
    @classmethod
    def _belongs_to_own_data(cls, value: object, others: ValidationInfo) -> object:
        if value is not None and others.data.get("path", "") is None:
            raise rule(f"goes only with data.path, got {value}")
        return value

    @field_validator("noise")
    @classmethod
    def _noise_belongs_to_points(cls, noise: float | None, others: ValidationInfo) -> float | None:
        name = others.data.get("name")
        if noise is not None and name is not None and name not in POINT_SETS:
            raise rule(f"goes only with {' or '.join(POINT_SETS)}, got {noise} for {name}")
        return noise

    @field_validator("preprocessing")
    @classmethod
    def _unit_belongs_to_images(cls, preprocessing: str, others: ValidationInfo) -> str:
        if preprocessing == "unit" and (name := others.data.get("name")) in POINT_SETS:
            raise rule(f"must not be 'unit' for {name}, whose values are not bytes")
        return preprocessing
