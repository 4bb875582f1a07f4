"""The checks of a launch before it spends any time: its data, packages, networks and gradients."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from studyhall.model import Examples, Preprocessing, check_sanity
from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import describe, open_dataset, split_dataset
from studyhall.search.data.splits import fill_study_counts, require_fitting
from studyhall.search.training.building import TrialSeed, build_network

EXAMPLES, FITTED = 10, 1000


def require_data(
    spec: StudySpec, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> StudySpec:
    """Refuse a study that does not fit its data set, or whose trainings are too short.

    Args:
        spec: The study.
        data_dir: The place of the user's own data if they are not at their `path`.
        progress: Shows the progress of decoding the user's own data.

    Returns:
        The study, with the numbers of examples filled in that it leaves open.

    Raises:
        UsageError: a part is larger than the data, examples that are not images are to be mirrored,
            the user's own data cannot be read, or a training ends before its warm-up does.
    """
    info = describe(spec.data_settings, data_dir=data_dir, progress=progress)
    spec = fill_study_counts(spec, info)
    corners = spec.corner_settings()
    trainings = [settings.training for settings in corners]
    unit = any(settings.data.preprocessing == "unit" for settings in corners)
    wanted_data = spec.data_settings.model_copy(update={"preprocessing": "unit"} if unit else {})
    require_fitting(wanted_data, info, mirror=any(wanted.mirror for wanted in trainings))
    for wanted in trainings:
        iterations = wanted.total_iterations(spec.data_settings.train)
        if wanted.warmup_iterations > iterations:
            raise UsageError(
                f"{spec.study.name}: training.warmup_iterations: must be at most {iterations}, the "
                f"iterations of a whole training, got {wanted.warmup_iterations}; lower it"
            )
    return spec


def require_installed(spec: StudySpec) -> None:
    """Refuse a study whose sampler needs a package that is not installed.

    Raises:
        UsageError: the sampler is GP, and PyTorch or greenlet is missing.
    """
    if spec.study.sampler != "gp":
        return
    missing = [name for name in ("torch", "greenlet") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{spec.study.name}: study.sampler: 'gp' needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed; run `pip install "
            "'studyhall[gp]'`, or choose another sampler"
        )


def check_networks(spec: StudySpec, data_folder: Path) -> None:
    """Refuse a study with a kind of network that cannot learn.

    Of each kind the widest network is checked, because a narrow one can fail only for want of
    units, and without dropout, which adds nothing to what a network can learn.

    Args:
        spec: The study.
        data_folder: The folder with the arrays of its data set.

    Raises:
        UsageError: the loss of an untrained network is far from that of a guess, it cannot learn
            ten examples by heart, its gradients are wrong, or there is no memory for it; every
            such finding, a line each.
    """
    plain = map(_without_dropout, spec.corner_settings())
    problems = [
        f"{spec.study.name}: the network with {describe_network(settings)}: {problem}; change it, "
        "or launch with --no-preflight"
        for settings in one_of_each_kind(plain, widest=True)
        for problem in _problems(spec, settings, data_folder)
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _problems(spec: StudySpec, settings: TrialSettings, data_folder: Path) -> list[str]:
    dataset = open_dataset(settings.data, data_folder)
    indices = split_dataset(dataset, settings.data).train
    raw, labels = dataset.train_examples, dataset.train_labels
    # Statistics of a thousand are close enough; those of all would take most of a second.
    fitted = Preprocessing.fit(raw, indices[:FITTED], settings.data.preprocessing)
    inputs, few = Examples(raw, labels, indices, fitted).gather(indices[:EXAMPLES])
    try:
        network = build_network(settings.network, dataset, TrialSeed(spec.study.seed, 0))
        findings = check_sanity(network, inputs, few)
    except MemoryError as error:
        return [f"needs more memory than there is ({error})"]
    return [f"{f.name} {f.detail}" for f in findings if not f.passed]


def one_of_each_kind(
    settings: Iterable[TrialSettings], *, widest: bool = False
) -> list[TrialSettings]:
    """Settings of one trial for each kind of network among those given, to stand for its kind.

    Networks of one kind have the same depth, activations, loss, initialization and preprocessing.
    The narrowest stands for its kind, or the widest on request.
    """
    sign = -1 if widest else 1
    kinds: dict[object, TrialSettings] = {}
    for one in settings:
        known = kinds.setdefault(_kind(one), one)
        if sign * sum(one.network.hidden) < sign * sum(known.network.hidden):
            kinds[_kind(one)] = one
    return list(kinds.values())


def describe_network(settings: TrialSettings) -> str:
    """A network in a few words."""
    network = settings.network
    widths = " x ".join(map(str, network.hidden)) or "no"
    names = dict.fromkeys(network.activations)
    return f"{widths} hidden units ({', '.join(names)}, {network.initializer})"


def _without_dropout(settings: TrialSettings) -> TrialSettings:
    network = settings.network.model_copy(update={"dropout": 0.0})
    return settings.model_copy(update={"network": network})


def _kind(settings: TrialSettings) -> object:
    network = settings.network
    return (
        len(network.hidden),
        network.activation,
        network.loss,
        network.initializer,
        network.initial_deviation,
        settings.data.preprocessing,
    )
