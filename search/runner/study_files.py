"""The files of a study's own run: its study file, a look at its data, Optuna's figures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tomli_w

from studyhall.search.data.datasets import open_dataset, shown_rows
from studyhall.search.study.reconnection import retry_while_disconnected
from studyhall.search.study.study_figures import write_figures
from studyhall.search.sync.tracked_study import TrackedStudy
from studyhall.search.training.plots import titled_images

SAMPLES = 25


def log_spec(tracked: TrackedStudy) -> None:
    """Say at once what a study is: a trial's run cannot be read without it."""
    with tempfile.TemporaryDirectory() as temporary:
        spec = tracked.study.spec.model_dump(mode="json", exclude_none=True)
        (Path(temporary) / "study.toml").write_text(tomli_w.dumps(spec), encoding="utf-8")
        tracked.tracker.log_study_artifacts(Path(temporary))


def log_results(tracked: TrackedStudy) -> None:
    """Add a look at the data and, once all trials have ended, Optuna's figures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _draw_samples(tracked, folder / "samples.png")
        if tracked.study.is_whole():
            (folder / "figures").mkdir()
            retry_while_disconnected(write_figures)(tracked.study, folder / "figures")
        tracked.tracker.log_study_artifacts(folder)


def _draw_samples(tracked: TrackedStudy, path: Path) -> None:
    """Show what the networks are to tell apart, if it can be seen."""
    dataset = open_dataset(tracked.study.spec.data_settings, tracked.job.data_folder)
    if len(dataset.info.example_shape) == 3:
        rows = shown_rows(dataset, np.arange(len(dataset.train_labels)), SAMPLES)
        titles = [dataset.info.classes[label] for label in dataset.train_labels[rows]]
        titled_images(path, np.asarray(dataset.train_examples[rows], np.uint8), titles)
