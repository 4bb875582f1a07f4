"""A mistake in a study file, and pydantic's findings said as one in the file's own words."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from studyhall.search.config.section import EACH, ONE
from studyhall.search.config.settings import SETTING_KEYS
from studyhall.search.config.study_spec import StudySection, StudySpec

Path = tuple[int | str, ...]

_KEYS: dict[Path, frozenset[str]] = {
    (): frozenset(StudySpec.model_fields),
    ("study",): frozenset(StudySection.model_fields),
    **{(section,): keys for section, keys in SETTING_KEYS.items()},
}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "string": "a string",
    "bool": "true or false",
    "tuple": "a list",
    "dict": "a table",
    "model": "a table",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


@dataclass(frozen=True)
class Problem:
    """One mistake: the path of the key, and the rule that it breaks with the value received."""

    path: Path
    rule: str

    @property
    def sentence(self) -> str:
        """The key and the rule, as the user reads them."""
        key = ""
        for part in self.path:
            key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
        return f"{key}: {self.rule}" if key else self.rule


def problem_of(details: ErrorDetails) -> Problem:
    """Say one of pydantic's findings in the words of a study file."""
    path = tuple(details["loc"])
    if path[:1] == ("search_space",) and len(path) > 2:
        path = (*path[:2], *path[3:])  # without the tag of the union
    path = tuple(part for part in path if part not in (ONE, EACH))  # likewise
    return Problem(path, _rule(details, path))


def _rule(details: ErrorDetails, path: Path) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    got = f"got {value!r}"
    if kind == "rule":
        return str(context["message"])
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"unknown key{near(str(path[-1]), _known_keys(path))}"
    if kind.startswith("union_tag"):
        tag = value.get("type") if isinstance(value, dict) else value
        return f"type must be 'int', 'float' or 'categorical', got {tag!r}"
    if kind == "literal_error":
        return f"must be {context['expected']}, {got}"
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]}, {got}"
    base = kind.removesuffix("_type").removesuffix("_from_attributes")
    if base in _TYPES:
        return f"must be {_TYPES[base]}, {got}"
    return f"{details['msg'][0].lower()}{details['msg'][1:]}, {got}"


def _known_keys(path: Path) -> frozenset[str]:
    if path[0] == "search_space":
        return frozenset({"type", "low", "high", "log", "step", "choices", "when"})
    return _KEYS.get(path[:-1], frozenset())


def near(name: str, names: frozenset[str]) -> str:
    """The end of a sentence about an unknown name: the nearest of `names`, or all of them."""
    if not names:
        return ""
    nearest = get_close_matches(name, sorted(names), n=1, cutoff=0.5)
    return f"; did you mean '{nearest[0]}'?" if nearest else f"; known: {', '.join(sorted(names))}"
