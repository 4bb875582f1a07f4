"""How many of the user's own examples train and validate where the study file leaves it open."""

from __future__ import annotations

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.study_spec import StudySpec
from studyhall.search.data.catalog import Collection

VALIDATION_SHARE = 5  # a fifth


def filled(settings: DataSettings, collection: Collection) -> DataSettings:
    """Fill in `train` and `validation` where they are left out.

    A fifth of the training part validates, as many examples as there are classes at least; the rest
    trains.

    Args:
        settings: a study file's `[data]`.
        collection: its data set.
    """
    count = collection.count("train")
    validation = settings.validation or max(count // VALIDATION_SHARE, len(collection.classes))
    # What asks for more than there is, is refused with the user's own number.
    train = settings.train or max(count - validation, 1)
    return settings.model_copy(update={"train": train, "validation": validation})


def with_counts(spec: StudySpec, collection: Collection) -> StudySpec:
    """Fill in `data.train` and `data.validation` of a study, likewise."""
    settings = filled(spec.data_settings, collection)
    counts = {"train": settings.train, "validation": settings.validation}
    return spec.model_copy(update={"data": {**spec.data, **counts}})
