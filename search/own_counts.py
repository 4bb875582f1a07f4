"""How many of the user's own examples train and validate where the study file leaves it open."""

from __future__ import annotations

from search.catalog import Collection
from search.study_spec import StudySpec

VALIDATION_SHARE = 5  # a fifth


def with_counts(spec: StudySpec, collection: Collection) -> StudySpec:
    """Fill in `data.train` and `data.validation` where they are left out.

    A fifth of the training part validates, one example of each class at least; the rest trains.

    Args:
        spec: the study.
        collection: its data set.
    """
    settings, count = spec.data_settings, collection.count("train")
    validation = settings.validation or max(count // VALIDATION_SHARE, len(collection.classes))
    # What asks for more than there is, is refused with the user's own number.
    train = settings.train or max(count - validation, 1)
    counts = {"train": train, "validation": validation}
    return spec.model_copy(update={"data": {**spec.data, **counts}})
