"""The digest of the source sees all of it: resuming a trial depends on that."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studyhall.search.common.source_tree import MODEL, SEARCH, STUDIES, source_digest


def test_the_folders_are_those_of_the_source():
    assert (SEARCH / "common" / "source_tree.py").is_file()
    assert (MODEL / "network.py").is_file()
    assert (STUDIES / "cifar10.toml").is_file()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of both source folders."""
    root = tmp_path_factory.mktemp("sources")
    for folder in (MODEL, SEARCH):
        shutil.copytree(folder, root / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return root / MODEL.name, root / SEARCH.name


def test_a_copy_has_the_digest_of_the_original(sources):
    assert source_digest(*sources) == source_digest()


@pytest.mark.parametrize(
    "folder",
    [
        "model",
        *sorted(
            f"search/{path.parent.relative_to(SEARCH)}" for path in SEARCH.rglob("__init__.py")
        ),
    ],
)
def test_a_change_in_any_folder_changes_the_digest(sources, folder):
    path = next((sources[0] if folder == "model" else sources[1].parent / folder).glob("*.py"))
    before = path.read_bytes()
    path.write_bytes(before + b"# changed\n")
    source_digest.cache_clear()
    try:
        assert source_digest(*sources) != source_digest()
    finally:
        path.write_bytes(before)
        source_digest.cache_clear()
