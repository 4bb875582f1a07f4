"""What a launch refuses before it does anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from studyhall import Options, launch
from studyhall.search.common.errors import UsageError
from tests.search.spaces import NUMBERS, spec_of


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (("torch",), "torch, which is not installed"),
        (("torch", "greenlet"), "torch and greenlet, which are not installed"),
    ],
)
def test_gp_without_its_packages_is_refused_before_any_work(tmp_path, monkeypatch, missing, named):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    if "greenlet" not in missing:
        pytest.importorskip("greenlet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        launch(spec_of(NUMBERS, name="mine", sampler="gp"), Options())
    assert str(caught.value) == (
        f"mine: study.sampler: 'gp' needs {named}; run `pip install 'studyhall[gp]'`, or choose "
        "another sampler"
    )
    assert not list(Path.cwd().iterdir())
