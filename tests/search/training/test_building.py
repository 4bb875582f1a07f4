"""What is built for a trial, and what is refused because the machine could not hold it."""

from __future__ import annotations

import pytest

from studyhall import UsageError
from studyhall.search.training import building
from tests.search.moons import Moons


def test_a_network_beyond_the_memory_is_refused_before_it_is_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(building, "machine_memory", lambda: 1000)
    with pytest.raises(UsageError, match=r"needs? more memory than there is \(.* GB of 0 GB\)"):
        Moons(tmp_path).launch(study={"trials": 1})
    assert not (tmp_path / "studyhall.journal").exists()
