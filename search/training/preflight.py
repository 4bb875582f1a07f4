"""The checks of a launch before it spends any time: its data, packages, networks and gradients."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from studyhall.model import Finding, check_sanity
from studyhall.search.common.errors import UsageError
from studyhall.search.common.progress import SILENT, Progress
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.datasets import describe, open_dataset
from studyhall.search.data.splits import fill_study_counts, require_fitting
from studyhall.search.training.building import TrialSeed, build_network
from studyhall.search.training.check_examples import check_examples

DRAWS = 3  # of the first weights, since a sound network may have an unlucky draw


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


def check_networks(spec: StudySpec, data_folder: Path, progress: Progress = SILENT) -> None:
    """Refuse a study with a kind of network that cannot learn.

    Of each kind the widest network is checked, because a narrow one can fail only for want of
    units, and without dropout, which adds nothing to what a network can learn. Of several
    deviations of the first weights one has to do, since the search finds it.

    Args:
        spec: The study.
        data_folder: The folder with the arrays of its data set.
        progress: Is told which network is checked, unless the check of the only one passes at once.

    Raises:
        UsageError: the training examples are all the same; or the loss of an untrained network is
            far from that of a guess, it cannot learn a few examples by heart, its gradients are
            wrong, or there is no memory for it; every such finding, a line each.
    """
    kinds: dict[object, list[TrialSettings]] = {}
    for settings in one_of_each_kind(map(_without_dropout, spec.widest_settings()), widest=True):
        kinds.setdefault(_kind(settings)[:-1], []).append(settings)
    problems: list[str] = []
    for place, alternatives in enumerate(kinds.values(), start=1):
        if len(kinds) > 1:
            progress.start(f"Checking network {place} of {len(kinds)}", None)
        problems += _problems(spec, _few_deviations(alternatives), data_folder, progress)
    if problems:
        raise UsageError("\n".join(problems))


def _few_deviations(alternatives: list[TrialSettings]) -> list[TrialSettings]:
    """Of settings that differ in the deviation of the first weights, the middle and the ends."""
    ordered = sorted(alternatives, key=lambda one: one.network.initial_deviation or 0)
    places = dict.fromkeys((len(ordered) // 2, 0, len(ordered) - 1))
    return [ordered[place] for place in places]


def _problems(
    spec: StudySpec, alternatives: list[TrialSettings], data_folder: Path, progress: Progress
) -> list[str]:
    """Return what is wrong with the first network; nothing if any of them passes."""
    sentences: list[list[str]] = []
    for settings in alternatives:
        try:
            findings = _failed(spec, settings, data_folder, progress)
        except MemoryError as error:
            findings = [Finding("needs", False, f"more memory than there is ({error})")]
        if not findings:
            return []
        described = describe_network(settings)
        sentences.append(
            [
                f"{spec.study.name}: the network with {described}: {found.name} {found.detail}; "
                f"{_next_step(found, settings)}, or launch with --no-preflight"
                for found in findings
            ]
        )
    return sentences[0]


def _next_step(found: Finding, settings: TrialSettings) -> str:
    if found.unscaled and settings.data.preprocessing != "standardize":
        return 'set preprocessing = "standardize" in [data]'
    return "change it"


def _failed(
    spec: StudySpec, settings: TrialSettings, data_folder: Path, progress: Progress
) -> list[Finding]:
    """Return the findings against a network with the first of several draws of its weights."""
    dataset = open_dataset(settings.data, data_folder)
    inputs, labels = check_examples(dataset, settings)
    failed: list[Finding] = []
    for draw in range(DRAWS):
        if any(finding.name == "overfits" for finding in failed):  # which takes long to find
            progress.start("Checking the network again, with other first weights", None)
        network = build_network(settings.network, dataset, TrialSeed(spec.study.seed, draw))
        findings = [f for f in check_sanity(network, inputs, labels) if not f.passed]
        if not findings:
            return []
        failed = failed or findings
    return failed


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


def _kind(settings: TrialSettings) -> tuple[object, ...]:
    network = settings.network
    return (
        len(network.hidden),
        network.activation,
        network.loss,
        network.initializer,
        settings.data.preprocessing,
        network.initial_deviation,
    )
