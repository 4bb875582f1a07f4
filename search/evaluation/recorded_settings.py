"""Whether a run's settings are those that its study and its parameters say."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from studyhall.search.common.errors import StudyhallError
from studyhall.search.config.section import Scalar
from studyhall.search.config.settings import TrialSettings
from studyhall.search.config.study_spec import StudySpec, overlay


def require_consistent(
    run: str, settings: TrialSettings, parameters: Mapping[str, str], spec: StudySpec | None
) -> None:
    """Refuse settings that were changed since the trial was trained.

    Args:
        run: How a sentence names the run.
        settings: What the run's settings.json holds.
        parameters: What MLflow keeps of the trial's parameters.
        spec: The study; without it, parameters named after no key go unchecked.

    Raises:
        StudyhallError: they differ; the first key that does is named.
    """
    given = {name: _scalar(value) for name, value in parameters.items()}
    found = settings.model_dump()
    written = found if spec is None else {name: getattr(spec, name) for name in found}
    said = overlay(written, given)
    wanted = _validated(run, said).model_dump()
    # What the study leaves to a default is not compared: another version may have another.
    keys_said = ((section, key) for section, keys in said.items() for key in keys)
    # A launch after the user's own data had moved wrote their new place into the study's run.
    for section, key in (one for one in keys_said if one != ("data", "path")):
        was, now = wanted[section][key], found[section][key]
        if was != now:
            raise StudyhallError(
                f"{run}: its settings.json was changed: {section}.{key} is {now!r}, and was "
                f"{was!r} by its study and parameters"
            )


def _validated(run: str, said: Mapping[str, Mapping[str, object]]) -> TrialSettings:
    try:
        return TrialSettings.model_validate(said)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise StudyhallError(
            f"{run}: its parameters fit no settings: {key}: {problem['msg']}"
        ) from error


def _scalar(text: str) -> Scalar:
    """A parameter as it was before MLflow, which keeps text."""
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
