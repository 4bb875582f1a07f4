"""What one training needs to know: data, network and training, every value in its place."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    Tag,
    model_validator,
)

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.section import EACH, ONE, ONE_OR_EACH, Section, as_tuple, rule

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
