"""Where a trial's randomness came from, as the tags of its run say it."""

from __future__ import annotations

from studyhall.search.config.study_spec import FreshSeed
from studyhall.search.tracking.run_tags import RunTags
from studyhall.search.training.building import TrialSeed

_SEED = "studyhall.seed"
FINALIST = "studyhall.finalist"  # the trial of the search that was trained again
FRESH_SEED = "studyhall.fresh_seed"


def seed_tags(seed: TrialSeed) -> dict[str, str]:
    """The tags of a trial's run: the study's seed, and of a finalist which trial and fresh seed."""
    fresh = (
        {FINALIST: str(seed.fresh.trial), FRESH_SEED: str(seed.fresh.seed)} if seed.fresh else {}
    )
    return {_SEED: str(seed.study), **fresh}


def tagged_seed(tags: RunTags) -> TrialSeed:
    """Read back what `seed_tags` wrote.

    Raises:
        StudyhallError: a tag is missing or no number.
    """
    fresh = None
    if tags.get(FINALIST) is not None:
        fresh = FreshSeed(tags.number(FINALIST), tags.number(FRESH_SEED))
    return TrialSeed(tags.number(_SEED), tags.number("studyhall.trial"), fresh)
