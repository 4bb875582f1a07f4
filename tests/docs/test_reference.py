"""The reference: it follows from the code, and leaves nothing out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from studyhall.search.config.data_settings import DataSettings
from studyhall.search.config.parameters import CategoricalParameter, FloatParameter, IntParameter
from studyhall.search.config.settings import NetworkSettings, TrainingSettings
from studyhall.search.config.study_spec import FinalistsSection, StudySection, StudySpec

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODELS = [
    *(StudySpec, StudySection, DataSettings, NetworkSettings, TrainingSettings),
    *(FloatParameter, IntParameter, CategoricalParameter, FinalistsSection),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, str(DOCS / "generate_reference.py"), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("page", ["command-line.md", "study-file.md"])
def test_the_page_is_what_the_code_makes_of_it(made, page):
    """After a change of commands or keys: `make reference`."""
    assert (DOCS / "reference" / page).read_bytes() == (made / page).read_bytes()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_of_a_study_file_is_described(model):
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("key", ["sampler", "pruner"])
def test_every_sampler_and_pruner_is_explained(key):
    kind = StudySection.model_fields[key].annotation
    assert get_origin(kind) is Literal
    page = (DOCS / "reference" / "search.md").read_text(encoding="utf-8")
    assert [name for name in get_args(kind) if f"\n| `{name}` |" not in page] == []
