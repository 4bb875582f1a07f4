"""Study files: find one and read it into a StudySpec."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from studyhall.search.common.errors import UsageError
from studyhall.search.common.source_tree import STUDIES
from studyhall.search.common.words import shown
from studyhall.search.config.problems import KeyPath, Problem
from studyhall.search.config.study_problems import validate_study
from studyhall.search.config.study_spec import StudySpec

_MOST_BYTES = 1_000_000


def shipped_studies() -> dict[str, Path]:
    """The study files that come with Studyhall, by name."""
    return {path.stem: path for path in sorted(STUDIES.glob("*.toml"))}


def find_study(study: str) -> Path:
    """Find the file of `study`: the path of a TOML file, or the name of a study that ships.

    Raises:
        UsageError: there is no such file, or no such name; the nearest names are offered.
    """
    if study.endswith(".toml"):
        try:
            found = Path(study).is_file()
        except OSError as error:  # such as a name that is too long
            raise UsageError(f"{shown(study)}: cannot be read: {error.strerror}") from None
        if not found:
            raise UsageError(f"{study}: no such study file. `studyhall list` shows all studies.")
        return Path(study)
    shipped = shipped_studies()
    if study not in shipped:
        raise unknown_study(study, shipped, " The path of a study file ends in .toml.")
    return shipped[study]


def unknown_study(name: str, known: Iterable[str], more: str = "") -> UsageError:
    """The error for the name of no study, which offers the nearest of the known names.

    Args:
        name: The name that was given.
        known: The names of all studies that the user could mean.
        more: What else the user could do, as a sentence with a space before it.
    """
    near = " or ".join(f"'{one}'" for one in get_close_matches(name, list(known), n=3, cutoff=0.5))
    guess = f" Did you mean {near}?" if near else ""
    return UsageError(f"No study named {shown(name)}.{guess} `studyhall list` shows all.{more}")


def load_study(study: str | Path, overrides: Sequence[str] = ()) -> StudySpec:
    """Read and validate a study.

    Args:
        study: The name of a study that ships, or the path of a study file.
        overrides: Values to put in place of the file's, each `table.key=value` in TOML.

    Raises:
        UsageError: no such study, or mistakes in it: every one, a line each, with the line of the
            file, the key, the rule and the value.
    """
    path = find_study(str(study))
    text, raw = _read(path)
    _anchor(raw, path.absolute().parent)
    for override in overrides:
        _override(raw, override)
    _anchor(raw, Path.cwd())
    overridden = {tuple(override.partition("=")[0].strip().split(".")) for override in overrides}
    return validate_study(raw, lambda p: f"{_place(p, path.name, text, overridden)}: {p}")


def make_study(tables: Mapping[str, Any]) -> StudySpec:
    """A study from Python: the contents of a study file as dictionaries and lists.

    Args:
        tables: `{"study": {"name": ...}, "data": {...}, ...}`, as `tomllib` reads a study file.

    Raises:
        UsageError: mistakes in it: every one, a line each, with the key, the rule and the value.
    """
    return validate_study(tables)


def recorded_name(study: str) -> str:
    """The name under which a study is recorded, from its name or its study file's path."""
    return load_study(study).study.name if study.endswith(".toml") else study


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a study file, and its tables."""
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise UsageError(f"{path}: must have at most {_MOST_BYTES:,} bytes, got {size:,}")
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        found = re.match(r"line (\d+)", place)
        line = found[1] if found else str(text.rstrip().count("\n") + 1)
        raise UsageError(f"{path.name}:{line}: not valid TOML: {message}") from None
    except RecursionError:
        raise UsageError(f"{path.name}: must not nest so many lists and tables") from None
    except ValueError:  # Python reads no number of thousands of digits
        line = str(text[: _digits_in(text)].count("\n") + 1)
        raise UsageError(f"{path.name}:{line}: must not have a number of so many digits") from None


def _digits_in(text: str) -> int:
    """Where the longest number of a text begins."""
    return max(re.finditer(r"\d[\d_]*", text), key=lambda found: len(found[0])).start()


def _anchor(raw: dict[str, Any], folder: Path) -> None:
    """Make `data.path` absolute; the study file's starts at its folder, that of `--set` here."""
    data = raw.get("data")
    if isinstance(data, dict) and isinstance(data.get("path"), str):
        data["path"] = os.path.abspath(folder / os.path.expanduser(data["path"]))


def _override(raw: dict[str, Any], override: str) -> None:
    """Put one `--set` value into the parsed file; a bare word is taken as a string."""
    key, equals, value = override.partition("=")
    *tables, last = key.strip().split(".")
    table: Any = raw
    for name in tables:
        table = table.setdefault(name, {}) if isinstance(table, dict) else None
    if not (equals and tables and last and isinstance(table, dict)):
        raise UsageError(f"--set: must read table.key=value, got {shown(override)}")
    try:
        table[last] = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):  # it is no TOML, or holds what Python cannot read
        table[last] = value.strip()


def _place(problem: Problem, name: str, text: str, overridden: set[tuple[str, ...]]) -> str:
    """Where the user wrote the mistake: a line of the file, or an override."""
    path = problem.path
    # An override is at fault for its own key, and for a table in which it no longer fits.
    if any(path[: len(key)] == key or (path and key[: len(path)] == path) for key in overridden):
        return "--set"
    return f"{name}:{_line_of(text, path)}"


def _line_of(text: str, path: KeyPath) -> int:
    """The line of the file on which the key at `path`, or the nearest table above it, stands.

    The TOML reader of the standard library keeps no positions, so the text is searched for headers
    and keys as study files usually have them; with an unusual layout it is the table's line.
    """
    best, best_line, table = 0, 1, ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\-]+)\s*\]", line):
            name = header[2]
            counts[name] = counts.get(name, -1) + 1
            table = (*name.split("."), *((counts[name],) if header[1] == "[[" else ()))
            here: KeyPath = table
        elif key := re.match(r"\s*([\w\-]+|\"[^\"]*\"|'[^']*')\s*=", line):
            here = (*table, key[1].strip("\"'"))
        else:
            continue
        if len(here) > best and path[: len(here)] == here:
            best, best_line = len(here), number
    return best_line
