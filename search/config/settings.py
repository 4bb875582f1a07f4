"""The settings of one training: data, network and training, with a value for every key."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.section import (
    MOST_IN_FILES,
    Count,
    NotNegative,
    OneOrEach,
    Positive,
    Section,
    TupleOf,
    rule,
)

Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=1_000_000), MOST_IN_FILES]
Activation = Literal["relu", "sigmoid", "tanh"]


class NetworkSettings(Section):
    """`[network]`: the hidden layers, the loss, and the initial weights.

    `activation` and `dropout` are one value for all hidden layers, or a list with one for each.
    """

    hidden: TupleOf[Width] = Field(
        description="The hidden layers' widths, numbers or names of parameters; `[]` for none.",
    )
    activation: OneOrEach[Activation, tuple[Activation, ...]] = Field(
        "relu", description="The activation after each hidden layer; one for all, or a list."
    )
    dropout: OneOrEach[Rate, tuple[Rate, ...]] = Field(
        0.0, description="The share of units to drop in training; one for all, or a list."
    )
    loss: Literal["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"] = Field(
        "softmax_cross_entropy", description="The loss to minimize."
    )
    initializer: Literal["he", "glorot", "normal"] = Field(
        "he", description="How the first weights are drawn; `normal` needs `initial_deviation`."
    )
    initial_deviation: Positive | None = Field(
        None, description='The deviation of the first weights; only for `initializer = "normal"`.'
    )

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation after each hidden layer."""
        one = self.activation
        return (one,) * len(self.hidden) if isinstance(one, str) else one

    @property
    def highest_dropout(self) -> float:
        """The highest dropout rate of all hidden layers."""
        return max(self.dropout) if isinstance(self.dropout, tuple) else self.dropout

    @model_validator(mode="after")
    def _deviation_belongs_to_normal(self) -> Self:
        if self.initializer == "normal" and self.initial_deviation is None:
            raise rule("initial_deviation must be given with initializer = 'normal'")
        if self.initializer != "normal" and self.initial_deviation is not None:
            raise rule("initial_deviation goes only with initializer = 'normal'")
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

    An optimizer uses those of `momentum` to `weight_decay` that it has, and ignores the rest.
    """

    optimizer: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"] = (
        Field("sgd", description="The rule by which weights follow the gradient.")
    )
    momentum: Rate = Field(0.9, description="The share of the last step that the next one keeps.")
    averaged: bool = Field(
        False,
        description="Momentum as a running mean, v ← βv + (1 - β)g, in place of v ← βv + lr·g.",
    )
    beta1: Rate = Field(0.9, description="The decay of Adam's mean of the gradient.")
    beta2: Rate = Field(0.999, description="The decay of the mean of the squared gradient.")
    epsilon: Positive = Field(
        1e-7, description="ε, which keeps the division by the root of squared gradients finite."
    )
    epsilon_inside: bool = Field(
        False, description="Whether ε is inside the root, √(h + ε), or outside it, √h + ε."
    )
    weight_decay: NotNegative = Field(
        0.0,
        description="The share of each weight that a step subtracts, times the learning rate.",
    )
    learning_rate: Positive = Field(description="The initial learning rate.")
    learning_rate_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        description="The factor by which `schedule` lowers the learning rate; `cosine` takes none.",
    )
    schedule: Literal["exponential", "step", "cosine"] = Field(
        "exponential",
        description="When the rate falls: every epoch, every `step_epochs`, along half a cosine.",
    )
    step_epochs: Count = Field(
        1, description='The number of epochs between two falls with `schedule = "step"`.'
    )
    warmup_iterations: Annotated[int, Field(ge=0)] = Field(
        0, description="The number of iterations over which the learning rate first rises from 0."
    )
    l2: NotNegative = Field(0.0, description="The strength of the penalty ½·l2·‖W‖² on weights.")
    batch_size: Annotated[int, Field(ge=1, le=1_000_000), MOST_IN_FILES] = Field(
        200, description="Examples in a minibatch."
    )
    sampling: Literal["shuffle", "with_replacement"] = Field(
        "shuffle",
        description="Whether an epoch takes each example once, or draws batches from all.",
    )
    mirror: bool = Field(
        False, description="Flip half of the images of each batch from left to right."
    )
    repeat: Annotated[int, Field(ge=0)] = Field(
        0,
        description="The number of a repeated training with the same settings; each has its own "
        "weights and order of batches.",
    )
    evaluate_every: Count = Field(
        1, description="The number of epochs between two evaluations on the validation examples."
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="Whether a trial ends with its last weights or with those that did best in an "
        "evaluation.",
    )
    epochs: Count | None = Field(
        None, description="The number of passes over the training examples; this or `iterations`."
    )
    iterations: Count | None = Field(
        None, description="The number of minibatches to train on; this or `epochs`."
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.iterations is None):
            raise rule("exactly one of epochs and iterations must be given")
        return self

    def iterations_per_epoch(self, train: int) -> int:
        """The number of minibatches in an epoch over `train` examples."""
        if self.sampling == "with_replacement":
            return max(train // self.batch_size, 1)
        return -(-train // self.batch_size)

    def total_iterations(self, train: int) -> int:
        """The number of minibatches in a whole training over `train` examples."""
        return self.iterations or (self.epochs or 0) * self.iterations_per_epoch(train)

    def total_epochs(self, train: int) -> int:
        """The number of epoch records of a whole training, a last partial epoch included."""
        return -(-self.total_iterations(train) // self.iterations_per_epoch(train))


class TrialSettings(Section):
    """All settings of one training, with every sampled value in its place."""

    data: DataSettings = Field(description="The examples.")
    network: NetworkSettings = Field(description="The network to train.")
    training: TrainingSettings = Field(description="How to train it.")


SETTING_KEYS: dict[str, frozenset[str]] = {
    "data": frozenset(DataSettings.model_fields),
    "network": frozenset(NetworkSettings.model_fields),
    "training": frozenset(TrainingSettings.model_fields),
}
