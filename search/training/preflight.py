"""What a launch finds out about its networks before it spends any time on them."""

from __future__ import annotations

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
from studyhall.search.training.representatives import (
    corners,
    described,
    one_of_each_kind,
    without_dropout,
)

EXAMPLES, FITTED = 10, 1000


def require_data(
    spec: StudySpec, data_dir: Path | str | None = None, progress: Progress = SILENT
) -> StudySpec:
    """Refuse a study that wants of its data set, or of its trainings, what they do not have.

    Args:
        spec: The study.
        data_dir: Where the user's own data are instead of at their `path`.
        progress: Told how far the decoding of the user's own data is.

    Returns:
        The study, with the numbers of examples that it leaves open.

    Raises:
        UsageError: a part is larger than the data, examples that are no images are to be mirrored,
            the user's own data are no data set, or a training ends before its warm-up does.
    """
    info = describe(spec.data_settings, data_dir=data_dir, progress=progress)
    spec = fill_study_counts(spec, info)
    kinds = corners(spec)
    trainings = [settings.training for settings in kinds]
    unit = any(settings.data.preprocessing == "unit" for settings in kinds)
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

    Args:
        spec: The study.
        data_folder: Where its data set's arrays lie.

    Raises:
        UsageError: the loss of an untrained network is far from that of a guess, it cannot learn
            ten examples by heart, its gradients are wrong, or there is no memory for it; every
            such finding, a line each.
    """
    problems = [
        f"{spec.study.name}: the network with {described(settings)}: {problem}; mend it, or launch "
        "with --no-preflight"
        for settings in _kinds(spec)
        for problem in _problems(spec, settings, data_folder)
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _kinds(spec: StudySpec) -> list[TrialSettings]:
    """One network of each kind, the widest: a narrow one may fail for want of units alone."""
    return one_of_each_kind(map(without_dropout, corners(spec)), widest=True)


def _problems(spec: StudySpec, settings: TrialSettings, data_folder: Path) -> list[str]:
    dataset = open_dataset(settings.data, data_folder)
    indices = split_dataset(dataset, settings.data).train
    raw, labels = dataset.train_examples, dataset.train_labels
    # Statistics of a thousand are near enough, and of all would take most of a second.
    fitted = Preprocessing.fit(raw, indices[:FITTED], settings.data.preprocessing)
    inputs, few = Examples(raw, labels, indices, fitted).gather(indices[:EXAMPLES])
    try:
        network = build_network(settings.network, dataset, TrialSeed(spec.study.seed, 0))
        findings = check_sanity(network, inputs, few)
    except MemoryError as error:
        return [f"needs more memory than there is ({error})"]
    return [f"{f.name} {f.detail}" for f in findings if not f.passed]
