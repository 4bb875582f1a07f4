"""The command `check`: analytic against numeric gradients, of all layers and of a study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studyhall import model
from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import open_dataset, shown_rows
from studyhall.search.training.building import (
    TrainingData,
    TrialSeed,
    build_network,
    outputs_of,
    start_training,
    training_data,
)
from studyhall.search.training.preflight import describe_network, one_of_each_kind

EXAMPLES, ENTRIES, ITERATIONS = 3, 40, 50
WHOLE, S4_LIMIT = "all parameters", 1.2e-7


@dataclass(frozen=True)
class Checked:
    """One array whose gradients were compared.

    Attributes:
        part: the layer, loss or network that has the array.
        when: "before training" or after how many iterations; empty for single layers and losses.
        comparison: both gradients.
    """

    part: str
    when: str
    comparison: model.Comparison

    @property
    def passed(self) -> bool:
        """Whether the gradients agree; for a whole network, as closely as the source S4 asks."""
        found = self.comparison
        if found.name != WHOLE:
            return found.passed
        return found.passed and found.norm_ratio <= S4_LIMIT and bool(found.numeric.any())

    def to_dict(self) -> dict[str, object]:
        """The comparison as JSON holds it."""
        found = self.comparison
        return {
            "part": self.part,
            "when": self.when,
            "array": found.name,
            "ratio": found.norm_ratio,
            "mean_difference": found.mean_difference,
            "entries": int(found.analytic.size),
            "kinks": found.kinks,
            "verdict": found.verdict,
        }


@dataclass(frozen=True)
class Check:
    """All comparisons of a study, and the dropout rates that could not be checked."""

    compared: tuple[Checked, ...]
    dropouts: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether all gradients agree."""
        return all(checked.passed for checked in self.compared)


def check_gradients(spec: StudySpec, data_folder: Path) -> Check:
    """Compare the gradients of every layer, loss and network of a study, in float64.

    Layers and losses are compared in all entries, on small random inputs. Of every kind of network
    in the search space, the narrowest is compared on three examples, at some entries of each
    parameter, before training and after a few iterations of it.

    Args:
        spec: The study.
        data_folder: The folder with the arrays of its data set.

    Raises:
        UsageError: every network of the study has dropout, so that its loss differs in every pass.
    """
    settings = spec.corner_settings()
    rates = sorted({rate for s in settings if (rate := s.network.highest_dropout) > 0})
    kinds = one_of_each_kind(s for s in settings if s.network.highest_dropout == 0)
    if not kinds:
        raise UsageError(
            f"{spec.study.name}: dropout: must be 0 for a gradient check, whose loss has to be the "
            f"same at every pass, got {', '.join(map(str, rates))}; check a study without it, such "
            "as this one with `--set network.dropout=0.0` if it is set there"
        )
    classes = len(open_dataset(kinds[0].data, data_folder).info.classes)
    networks = (checked for one in kinds for checked in _network(spec, one, data_folder))
    compared = [*_parts(kinds, classes), *networks]
    return Check(tuple(compared), tuple(rates))


def _parts(kinds: list[TrialSettings], classes: int) -> Iterator[Checked]:
    """Compare each kind of layer and loss that the networks are made of."""
    generator = np.random.default_rng(0)
    weight, bias = generator.standard_normal((6, 5)), generator.standard_normal(5)
    affine = model.Affine(
        "affine",
        model.Parameter(weight, np.empty_like(weight)),
        model.Parameter(bias, np.empty_like(bias)),
    )
    inputs = generator.standard_normal((4, 6))
    for comparison in model.check_layer(affine, inputs, generator):
        yield Checked("affine layer", "", comparison)
    for name in sorted({a for settings in kinds for a in settings.network.activations}):
        for comparison in model.check_layer(model.ACTIVATIONS[name](), inputs, generator):
            yield Checked(f"{name} layer", "", comparison)
    labels = generator.integers(0, classes, 4)
    for name in sorted({settings.network.loss for settings in kinds}):
        logits = generator.standard_normal((4, outputs_of(name, classes)))
        comparison = model.check_loss(model.LOSSES[name](), logits, labels)
        yield Checked(name.replace("_", " "), "", comparison)


def _network(spec: StudySpec, settings: TrialSettings, data_folder: Path) -> Iterator[Checked]:
    """Compare a whole network before and after some training."""
    data = training_data(data_folder, settings.data)
    seed = TrialSeed(spec.study.seed, 0)
    network = build_network(settings.network, data.dataset, seed, np.float64)
    yield from _compared(settings, network, data, "before training")
    short = settings.training.model_copy(update={"iterations": ITERATIONS, "epochs": None})
    try:
        for _ in start_training(network, short, data, seed):
            pass
    except model.DivergenceError as error:
        rate, network_in_words = settings.training.learning_rate, describe_network(settings)
        raise StudyhallError(
            f"{spec.study.name}: training.learning_rate: must let {network_in_words} train for "
            f"{ITERATIONS} iterations, got {rate}, with which {error}; lower it"
        ) from None
    yield from _compared(settings, network, data, f"after {ITERATIONS} iterations")


def _compared(
    settings: TrialSettings, network: model.Network, data: TrainingData, when: str
) -> Iterator[Checked]:
    raw, labels = data.dataset.train_examples, data.dataset.train_labels
    examples = model.Examples(raw, labels, data.split.train, data.preprocessing, np.float64)
    inputs, few = examples.gather(shown_rows(data.dataset, data.split.train, EXAMPLES))
    generator = np.random.default_rng(0)
    l2 = settings.training.l2
    found = model.check_network(network, inputs, few, l2, entries=ENTRIES, generator=generator)
    for comparison in [*found, model.joined(WHOLE, found)]:
        yield Checked(describe_network(settings), when, comparison)
