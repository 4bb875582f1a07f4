"""The guides for users: their study files load, their Python compiles, their commands exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from studyhall import UsageError, load_study, make_study
from studyhall.search.cli.entry import app
from studyhall.search.config.study_file import find_study

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = [DOCS / f"{name}.md" for name in ("own-data", "own-study", "resume", "share", "python")]
BEGINNING = """
[study]
name = "guide"
[data]
name = "two_moons"
train = 100
validation = 50
[network]
hidden = [8]
[training]
epochs = 10
[search_space]
learning_rate = { type = "float", low = 1e-4, high = 1e-1 }
"""
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PAGES = pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)


def blocks(page: Path) -> list[str]:
    """The blocks of code of a page, indented or fenced."""
    text = page.read_text("utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    indented = re.findall(r"(?:^|(?<=\n\n))(?: {4}.*\n+)+", text)
    return [*fenced, *map(textwrap.dedent, indented)]


def study_files(page: Path) -> list[str]:
    return [block for block in blocks(page) if re.match(r"\[+\w+\]+\n", block)]


def programs(page: Path) -> list[str]:
    """The blocks of Python."""
    return [block for block in blocks(page) if re.search(r"^(?:from|import) ", block, re.M)]


def commands(page: Path) -> list[list[str]]:
    lines = [line for block in blocks(page) for line in block.splitlines()]
    quoted = re.findall(r"`(studyhall [^`]+)`", page.read_text("utf-8"))
    told = [line for line in [*lines, *quoted] if line.startswith("studyhall ")]
    return [line.partition("#")[0].split()[1:] for line in told]


def completed(excerpts: list[str]) -> dict[str, Any]:
    """A study of the excerpts of one file: each goes on from those before it."""
    tables: dict[str, Any] = tomllib.loads(BEGINNING)
    for given in map(tomllib.loads, excerpts):
        for name, table in given.items():
            earlier = tables.get(name, {})
            tables[name] = earlier | table if isinstance(table, dict) and name != "data" else table
    return tables


def unknown_options(words: list[str]) -> set[str]:
    """The options of a command line that its command does not have."""
    command = COMMANDS[words[0]]
    if len(words) > 1 and (inner := getattr(command, "commands", None)):
        command = inner[words[1]]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return {word.partition("=")[0] for word in words if word.startswith("--")} - known


@PAGES
def test_the_commands_and_their_options_exist(page):
    for words in commands(page):
        assert words[0] in COMMANDS, words
        assert unknown_options(words) == set(), words


@PAGES
def test_the_studies_that_are_named_ship_or_are_the_readers_own(page):
    for words in commands(page):
        if words[0] in ("launch", "report", "export", "evaluate") and "--name" not in words:
            assert words[1].endswith(".toml") or find_study(words[1]), words


@PAGES
def test_the_study_files_load(tmp_path, page):
    excerpts = []
    for text in study_files(page):
        if "[study]" in text:  # a whole one
            file = tmp_path / "guide.toml"
            file.write_text(text)
            assert load_study(file)
        else:
            excerpts.append(text)
            assert make_study(completed(excerpts))


def test_a_mistake_in_a_study_file_would_be_noticed():
    with pytest.raises(UsageError, match="momentun"):
        make_study(completed(["[training]\nmomentun = 0.9"]))


@PAGES
def test_the_programs_compile_and_import_what_exists(page):
    for program in programs(page):
        for node in ast.walk(ast.parse(program)):
            if isinstance(node, ast.Import):
                for name in node.names:
                    importlib.import_module(name.name)
            elif isinstance(node, ast.ImportFrom):
                home = importlib.import_module(str(node.module))
                assert all(hasattr(home, name.name) for name in node.names)


@PAGES
def test_what_the_programs_call_takes_what_they_give(page):
    for program in programs(page):
        tree = ast.parse(program)
        homes = {
            name.name: importlib.import_module(str(node.module))
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in homes:
                function = getattr(homes[call.func.id], call.func.id)
                named = {str(word.arg): None for word in call.keywords}
                inspect.signature(function).bind(*call.args, **named)


def test_there_is_something_of_each_kind():
    assert sum(len(study_files(page)) for page in GUIDES) >= 6
    assert sum(len(programs(page)) for page in GUIDES) >= 6
    assert all(commands(page) for page in GUIDES)
