"""What `from search import …` offers: all of it is there, documented, and found by completion."""

from __future__ import annotations

import inspect

import pytest

import search


@pytest.mark.parametrize("name", search.__all__)
def test_every_name_is_there_and_documented(name):
    assert inspect.getdoc(getattr(search, name))


def test_completion_offers_these_names_alone():
    assert dir(search) == sorted(search.__all__)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'lunch'"):
        _ = search.lunch
