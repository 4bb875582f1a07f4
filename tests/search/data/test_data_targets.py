"""Data sets fetched and verified by name, as `studyhall data` does."""

from __future__ import annotations

import pytest

from studyhall import UsageError, fetch_data, verify_data
from studyhall.search.data.dataset_manifest import last_used
from tests.search.data.own_sets import array_file

STUDY = """
[study]
name = "pets"
[data]
name = "pets"
path = "pets.npz"
[network]
hidden = [8]
[training]
epochs = 1
[search_space]
learning_rate = { type = "float", low = 0.01, high = 0.1 }
"""


def test_a_data_set_is_fetched_and_verified_by_its_name(cache):
    folder = fetch_data("two_moons")
    assert folder.parent == cache
    assert verify_data("two_moons").intact
    (folder / "train_labels.npy").unlink()
    assert not verify_data("two_moons").intact


def test_user_data_are_fetched_and_verified_by_their_study_file(cache, tmp_path):
    array_file(tmp_path / "pets.npz")
    file = tmp_path / "pets.toml"
    file.write_text(STUDY)
    assert last_used(fetch_data(str(file))) > 0
    found = verify_data(str(file))
    assert (found.name, found.intact) == ("pets", True)


def test_an_unknown_name_is_refused_with_the_nearest_one(cache):
    with pytest.raises(UsageError, match="the nearest is 'two_moons'"):
        fetch_data("two_moon")
