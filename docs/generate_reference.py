"""Writes the pages of the reference that follow from the code: the command line and the study file.

python docs/generate_reference.py [FOLDER]: into docs/reference by default.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from studyhall.model import OPTIMIZER_SETTINGS, SCHEDULE_SETTINGS
from studyhall.search.config.parameters import CategoricalParameter, FloatParameter, IntParameter
from studyhall.search.config.settings import SETTING_KEYS, TrialSettings
from studyhall.search.config.study_spec import StudySpec

ROOT = Path(__file__).resolve().parent.parent
MADE = (
    "<!-- Made by docs/generate_reference.py (make reference): change the code, not this page. -->"
)
TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true, false"}
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "pattern": "of the form `{}`",
    "maxLength": "at most {} characters",
}


def main() -> None:
    """Write both pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("command-line", command_line()), ("study-file", study_file())):
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def command_line() -> str:
    """Every command with its arguments and options, as Typer documents them."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.md"
        words = [
            "studyhall.search.cli.entry",
            "utils",
            "docs",
            "--name",
            "studyhall",
            "--title",
            "The command line",
        ]
        subprocess.run(
            [sys.executable, "-m", "typer", *words, "--output", str(page)],
            check=True,
            capture_output=True,
            cwd=folder,  # Typer keeps a file beside which it runs
            env={**os.environ, "PYTHONPATH": str(ROOT), "TERMINAL_WIDTH": "100"},
        )
        text = page.read_text(encoding="utf-8").replace("&#x27;", "'")
    return f"{MADE}\n\n{text.strip()}\n"


def study_file() -> str:
    """Every table of a study file, its keys with type, default, rule and meaning."""
    lines = [MADE, "", "# The study file", "", *_opening()]
    for table, fields in tables():
        lines += ["", f"## `{table}`", "", *rows(fields)]
    lines += ["", "## What an optimizer takes", "", *_taken("optimizer", OPTIMIZER_SETTINGS)]
    lines += ["", "## What a schedule takes", "", *_taken("schedule", SCHEDULE_SETTINGS)]
    return "\n".join(lines) + "\n"


def _opening() -> list[str]:
    return [
        "A study file is [TOML](https://toml.io). A key without a default must be given. A key of",
        "`[network]` and `[training]`, and `preprocessing` of `[data]`, may be named in",
        "`[search_space]` instead, and a value there may be the name of a parameter. Mistakes are",
        "reported together, each with its line, before anything starts.",
        "",
        *rows(StudySpec, "table"),
    ]


def tables() -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables of a study file in the order of its fields, as a user writes their headings."""
    for name, field in StudySpec.model_fields.items():
        if name in SETTING_KEYS:
            yield f"[{name}]", _model(TrialSettings.model_fields[name].annotation)
        elif name == "search_space":
            for model in (FloatParameter, IntParameter, CategoricalParameter):
                kind = model.model_json_schema()["properties"]["type"]["const"]
                yield f'[search_space] NAME = {{ type = "{kind}", … }}', model
        elif (model := _model(field.annotation)) is not BaseModel:
            yield f"[{name}]", model


def _model(annotation: Any) -> type[BaseModel]:
    """The model that an annotation is, or that it holds beside None; BaseModel if there is none."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return BaseModel


def rows(model: type[BaseModel], heading: str = "key") -> Iterator[str]:
    """The keys of a table as the rows of a Markdown table.

    Raises:
        ValueError: a field has no description.
    """
    schema = model.model_json_schema()
    yield f"| {heading} | type and rule | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in schema["properties"].items():
        if not field.get("description"):
            raise ValueError(f"{model.__name__}.{key}: must have a description")
        kind = ", ".join(dict.fromkeys((_type(field), *_rules(field))))
        cells = (f"`{key}`", kind, _default(key, field, schema), field["description"])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(field: Mapping[str, Any]) -> str:
    """The type of a value in words, or the values that it may have."""
    if "const" in field:
        return f'`"{field["const"]}"`'
    if "enum" in field:
        return ", ".join(f'`"{value}"`' for value in field["enum"])
    if kinds := [kind for kind in _kinds(field) if kind.get("type") != "null"]:
        scalar = {kind.get("type") for kind in kinds} >= set(TYPES)
        return "any value" if scalar else " or ".join(map(_type, kinds))
    if fixed := field.get("prefixItems"):
        return f"list of {len(fixed)} {_type(fixed[0])}s"
    if field.get("type") == "array":
        items = _type(field["items"])
        return f"list of {items}s" if items in TYPES.values() else f"list of {items}"
    return TYPES.get(str(field.get("type")), "table")


def _kinds(field: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The kinds of value that a field takes, if several."""
    return field.get("anyOf") or field.get("oneOf") or ()


def _rules(field: Mapping[str, Any]) -> Iterator[str]:
    """The bounds of a value, of its kinds, and of the items of a list."""
    yield from (words.format(field[bound]) for bound, words in BOUNDS.items() if bound in field)
    if field.get("minItems") or field.get("minProperties"):
        yield "not empty"
    for kind in (*_kinds(field), *([field["items"]] if "items" in field else [])):
        yield from _rules(kind)


def _default(key: str, field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """The default as TOML has it; none if it is left open, and nothing where one must be given."""
    if key in schema.get("required", ()):
        return ""
    value = field.get("default")
    if value is None or value == []:
        return "none"
    if isinstance(value, Mapping):
        return "its keys' defaults"
    words = {True: "true", False: "false"}
    return f"`{words[value]}`" if isinstance(value, bool) else f"`{_quoted(value)}`"


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _taken(kind: str, settings: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Which keys of `[training]` each of several names takes."""
    yield f"| `{kind}` | takes |"
    yield "|---|---|"
    for name, keys in settings.items():
        yield f"| `{name}` | {', '.join(f'`{key}`' for key in keys) or 'none of these'} |"


if __name__ == "__main__":
    main()
