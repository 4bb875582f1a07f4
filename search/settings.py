"""What one training needs to know: data, network and training, every value in its place."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from search.section import Section, as_tuple, rule

ONE, EACH = "one for all layers", "one for each layer"
ONE_OR_EACH = Discriminator(lambda value: EACH if isinstance(value, list | tuple) else ONE)
Side = Annotated[int, Field(ge=1, le=4096)]
ImageSize = Annotated[
    Annotated[Side, Tag(ONE)] | Annotated[tuple[Side, Side], BeforeValidator(as_tuple), Tag(EACH)],
    ONE_OR_EACH,
]
_OWN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class DataSettings(Section):
    """`[data]`: the data set, its split by index, and how raw values become inputs.

    Of points, `seed` decides the points themselves as well as the split. A `path` makes it a data
    set of the user's own: `image_size` resizes its pictures, `test_share` says how much is sealed
    where no test part is given, and `seed` draws that. There alone `train` and `validation` may be
    left out; 0 stands for that, and `search.own_counts` fills them in.
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
        from search.data_names import DATA_NAMES  # NumPy, which `studyhall --help` does without

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
        from search.point_sets import FORMULAS  # see above

        name = others.data.get("name")
        if noise is not None and name is not None and name not in FORMULAS:
            raise rule(f"goes with {' or '.join(FORMULAS)} alone, got {noise} for {name}")
        return noise

    @field_validator("preprocessing")
    @classmethod
    def _unit_belongs_to_images(cls, preprocessing: str, others: ValidationInfo) -> str:
        from search.point_sets import FORMULAS  # see above

        if preprocessing == "unit" and (name := others.data.get("name")) in FORMULAS:
            raise rule(f"must not be 'unit' for {name}, whose values are no bytes")
        return preprocessing


Rate = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "sigmoid", "tanh"]


class NetworkSettings(Section):
    """`[network]`: the hidden layers, the loss, and how the weights begin.

    `activation` and `dropout` are one for all hidden layers, or a list with one for each.
    """

    hidden: Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(as_tuple)] = Field(
        description="The hidden layers' widths, numbers or names of parameters; `[]` for none.",
    )
    activation: Annotated[
        Annotated[Activation, Tag(ONE)]
        | Annotated[tuple[Activation, ...], BeforeValidator(as_tuple), Tag(EACH)],
        ONE_OR_EACH,
    ] = Field(
        "relu",
        description="What follows each hidden layer; one for all, or a list with one for each.",
    )
    dropout: Annotated[
        Annotated[Rate, Tag(ONE)]
        | Annotated[tuple[Rate, ...], BeforeValidator(as_tuple), Tag(EACH)],
        ONE_OR_EACH,
    ] = Field(
        0.0,
        description="The share of units to drop in training; one for all, or a list.",
    )
    loss: Literal["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"] = Field(
        "softmax_cross_entropy", description="What is minimized."
    )
    initializer: Literal["he", "glorot", "normal"] = Field(
        "he", description="How the first weights are drawn; `normal` takes `initial_deviation`."
    )
    initial_deviation: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None,
        description='The deviation of the first weights; for `initializer = "normal"` alone.',
    )

    @model_validator(mode="after")
    def _deviation_belongs_to_normal(self) -> Self:
        if self.initializer == "normal" and self.initial_deviation is None:
            raise rule("initial_deviation must be given with initializer = 'normal'")
        if self.initializer != "normal" and self.initial_deviation is not None:
            raise rule("initial_deviation goes with initializer = 'normal' alone")
        return self

    @model_validator(mode="after")
    def _one_for_each_layer(self) -> Self:
        for name, value in (("activation", self.activation), ("dropout", self.dropout)):
            if isinstance(value, tuple) and len(value) != len(self.hidden):
                raise rule(
                    f"{name} must be one for all hidden layers or a list of {len(self.hidden)}, "
                    f"got {list(value)}"
                )
        return self


class TrainingSettings(Section):
    """`[training]`: the optimizer and its rates; exactly one of `epochs` and `iterations`.

    An optimizer takes of `momentum` to `weight_decay` what it has, and leaves the rest. `repeat`
    numbers trainings of the same settings: each draws weights and an order of batches of its own.
    `evaluate_every` is how many epochs go by between two looks at the validation examples; `keep`
    says whether a trial ends with its last weights or with those that did best at such a look.
    """

    optimizer: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"] = (
        Field("sgd", description="How the weights follow the gradient.")
    )
    momentum: Rate = Field(0.9, description="The share of the last step that the next one keeps.")
    averaged: bool = Field(
        False,
        description="Momentum as a running mean, v ← βv + (1 - β)g, in place of v ← βv + lr·g.",
    )
    beta1: Rate = Field(0.9, description="The decay of Adam's mean of the gradient.")
    beta2: Rate = Field(0.999, description="The decay of the mean of the squared gradient.")
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1e-7,
        description="ε, which keeps the division by the root of squared gradients finite.",
    )
    epsilon_inside: bool = Field(
        False, description="Whether ε is below the root, √(h + ε), or beside it, √h + ε."
    )
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="The share of each weight that a step takes away, times the learning rate."
    )
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        description="The length of the first steps."
    )
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="The factor of the learning rate, as `schedule` says; `cosine` takes none.",
    )
    schedule: Literal["exponential", "step", "cosine"] = Field(
        "exponential",
        description="When the rate falls: every epoch, every `step_epochs`, along half a cosine.",
    )
    step_epochs: Annotated[int, Field(ge=1)] = Field(
        1, description='How many epochs lie between two falls with `schedule = "step"`.'
    )
    warmup_iterations: Annotated[int, Field(ge=0)] = Field(
        0, description="Over how many iterations the learning rate rises from nothing first."
    )
    l2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="The strength of the penalty ½·l2·‖W‖² on the weights."
    )
    batch_size: Annotated[int, Field(ge=1)] = Field(200, description="Examples in a minibatch.")
    sampling: Literal["shuffle", "with_replacement"] = Field(
        "shuffle",
        description="Whether an epoch takes each example once, or draws batches from all.",
    )
    mirror: bool = Field(
        False, description="Flip half of the images of each batch from left to right."
    )
    repeat: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Numbers trainings of the same settings, each with its own weights and order.",
    )
    evaluate_every: Annotated[int, Field(ge=1)] = Field(
        1, description="How many epochs lie between two looks at the validation examples."
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="Whether a trial ends with its last weights or the best of those looks.",
    )
    epochs: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How often the training examples are gone through; this or `iterations`."
    )
    iterations: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How many minibatches are trained on; this or `epochs`."
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.iterations is None):
            raise rule("exactly one of epochs and iterations must be given")
        return self

    def iterations_per_epoch(self, train: int) -> int:
        """How many minibatches make an epoch over `train` examples."""
        if self.sampling == "with_replacement":
            return max(train // self.batch_size, 1)
        return -(-train // self.batch_size)

    def total_iterations(self, train: int) -> int:
        """How many minibatches a whole training over `train` examples takes."""
        return self.iterations or (self.epochs or 0) * self.iterations_per_epoch(train)

    def total_epochs(self, train: int) -> int:
        """How many epoch records a whole training yields, a last partial epoch included."""
        return -(-self.total_iterations(train) // self.iterations_per_epoch(train))


class TrialSettings(Section):
    """All that one training needs to know, with every sampled value in its place."""

    data: DataSettings = Field(description="The examples.")
    network: NetworkSettings = Field(description="What is trained.")
    training: TrainingSettings = Field(description="How it is trained.")


SETTING_KEYS: dict[str, frozenset[str]] = {
    "data": frozenset(DataSettings.model_fields),
    "network": frozenset(NetworkSettings.model_fields),
    "training": frozenset(TrainingSettings.model_fields),
}
