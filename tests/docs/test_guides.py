"""The guides to clusters: their scripts parse, and what they name exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from studyhall.search.cli.entry import app

pytest.importorskip("distributed")  # whose settings the guides name, and whose commands

import dask.config
from distributed.cli import dask_scheduler, dask_worker

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [
    ROOT / "docs" / f"{name}.md"
    for name in ("cluster", "ssh-hosts", "slurm", "kubernetes", "service", "security")
]
COMMANDS: dict[str, dict[str, Any]] = {
    "studyhall": typer.main.get_command(app).commands,  # type: ignore[attr-defined]
    "dask": {"worker": dask_worker.main, "scheduler": dask_scheduler.main},
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)


def manifests() -> list[dict[str, Any]]:
    found = blocks(ROOT / "docs" / "kubernetes.md", "yaml")
    return [one for block in found for one in yaml.safe_load_all(block)]


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"] for one in manifests() if "template" in one.get("spec", {})]


def unknown_options(words: list[str]) -> set[str]:
    """The options of a command line that its command does not have."""
    parameters = COMMANDS[words[0]][words[1]].params
    known = {name for one in parameters for name in (*one.opts, *one.secondary_opts)}
    return {word.partition("=")[0] for word in words if word.startswith("--")} - known


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_scripts_parse(page):
    for block in blocks(page, "bash"):
        parsed = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert parsed.stderr == ""


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_commands_have_the_options_that_are_given(page):
    text = page.read_text("utf-8").replace("\\\n", " ")
    code = "\n".join(re.findall(r"^ {4}.*?$|^```\w+\n.*?^```$", text, re.M | re.S))
    lines = re.findall(r"\b(?:dask|studyhall) [a-z][^;|&>'#\n]*", code)
    for words in map(str.split, lines):
        if words[1] in COMMANDS[words[0]]:
            assert unknown_options(words) == set(), words


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_variables_are_read_by_someone(page):
    text = page.read_text("utf-8")
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "search").rglob("*.py"))
    for name in set(re.findall(r"\bSTUDYHALL_[A-Z_]+", text)):
        assert f'"{name}"' in sources, name
    for name in set(re.findall(r"\bDASK_[A-Z_]+", text)):
        key = name.removeprefix("DASK_").lower().replace("__", ".")
        assert dask.config.get(key, "missing") != "missing", name


def test_the_containers_run_commands_that_exist():
    assert len(pods()) == 3
    for pod in pods():
        [container] = pod["spec"]["containers"]
        words = container["args"]
        assert unknown_options(words) == set()


def test_the_manifests_name_what_they_have():
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    names = {one["metadata"]["name"] for one in manifests()}
    secrets = set(re.findall(r"create secret generic (\S+)", page))
    for pod in pods():
        [container] = pod["spec"]["containers"]
        for source in container["envFrom"]:
            if "secretRef" in source:
                assert source["secretRef"]["name"] in secrets
            else:
                assert source["configMapRef"]["name"] in names
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}


def test_what_selects_pods_finds_them():
    labels = [pod["metadata"]["labels"].items() for pod in pods()]
    for one in manifests():
        spec = one.get("spec", {})
        chosen = spec.get("podSelector") or spec.get("selector") or {}
        wanted = chosen.get("matchLabels", chosen)
        assert any(wanted.items() <= found for found in labels), one["metadata"]["name"]
