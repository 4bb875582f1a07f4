"""What `import studyhall` offers: all of it is there, documented, and found by completion."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import studyhall


@pytest.mark.parametrize("name", studyhall.__all__)
def test_every_name_is_there_and_documented(name):
    assert inspect.getdoc(getattr(studyhall, name))


@pytest.mark.parametrize("name", [name for name in studyhall.__all__ if name.islower()])
def test_every_function_says_what_it_takes_and_gives(name):
    signature = inspect.signature(getattr(studyhall, name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty


def test_the_table_of_contents_is_what_types_are_checked_by():
    tree = ast.parse(Path(studyhall.__file__).read_text("utf-8"))
    [checked] = (node for node in tree.body if isinstance(node, ast.If))
    homes = {
        (name.name, node.module)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert {(name, f"studyhall.search.{home}") for name, home in studyhall._HOMES.items()} == homes
    assert sorted(studyhall.__all__) == sorted(studyhall._HOMES)


def test_what_the_command_line_does_with_a_study_python_does_too():
    asked = {"classify", "compare_recorded", "examine", "fetch_data", "recorded_ledger"}
    assert asked | {"sync_studies", "stop", "verify_data"} <= set(studyhall.__all__)


def test_completion_offers_these_names_alone():
    assert dir(studyhall) == sorted(studyhall.__all__)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'lunch'"):
        _ = studyhall.lunch
