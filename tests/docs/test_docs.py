"""The documentation: its examples run, its links lead somewhere, and it leaves no file out."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "docs" / "library.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]


def python_blocks(page: Path) -> list[str]:
    """The Python blocks of a page, each behind as many empty lines as precede it there."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return ["\n" * text.count("\n", 0, match.start(1)) + match[1] for match in found]


def prose(page: Path) -> str:
    """A page without its code, in which neither links nor headings are meant."""
    code = r"^```.*?^```$|^ {4}.*?$|`[^`\n]*`"
    return re.sub(code, "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def relative_links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, but for those on other sites."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The fragments that lead to the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def test_the_examples_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks(LIBRARY)
    assert len(blocks) > 5
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, LIBRARY, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page):
    for link in relative_links(page):
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_what_the_examples_import_exists(page):
    for block in python_blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("studyhall"):
                module = import_module(node.module)
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []


def test_every_file_of_the_library_has_its_section():
    files = {path.name for path in (ROOT / "model").glob("*.py")} - {"__init__.py"}
    titles = re.findall(
        r"^### \[(.+)\]\(\.\./model/\1\)$", LIBRARY.read_text("utf-8"), re.MULTILINE
    )
    assert len(titles) == len(set(titles))
    assert set(titles) == files


def test_every_test_that_a_page_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "".join(p.read_text("utf-8") for p in PAGES))
    assert len(named) > 15
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"
