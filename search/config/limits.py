"""What any study file may hold: values that TOML, the storages and MLflow can all keep.

A study that breaks a limit is not looked at further: the other checks take the limits for granted.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from studyhall.search.common.words import shown
from studyhall.search.config.problems import KeyPath, Problem

MOST_PARAMETERS = 100  # MLflow takes no more in one request
MOST_CHOICES = 1000
MOST_LAYERS = 100
LONGEST_CHOICE = 500  # characters: earlier versions of MLflow keep no more of a value
LONGEST_NAME = 250  # characters of a parameter's name in MLflow
_DEEPEST = 16
_LARGEST = 2**63  # TOML promises whole numbers of 64 bits, as databases have them
_NAME = re.compile(r"[\w.\-:/ ]+")


def unkeepable(raw: Mapping[str, Any]) -> list[Problem]:
    """The keys and values of a study file that could not be recorded as they are."""
    problems = [*_unwritable((), raw)]
    if not problems:
        problems += [*_too_deep(raw.get("network")), *_beyond_engines(raw.get("search_space"))]
    return problems


def _unwritable(path: KeyPath, value: Any) -> Iterator[Problem]:
    """Values that TOML cannot hold, or cannot hold everywhere."""
    if isinstance(value, str) and _unprintable(value):
        yield Problem(path, f"must be text without control characters, got {shown(value)}")
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        yield Problem(path, f"must be a number of at most 64 bits, got {shown(value)}")
    elif isinstance(value, list | tuple | dict):
        if len(path) >= _DEEPEST:
            yield Problem(path[:2], f"must be at most {_DEEPEST} tables and lists deep")
            return
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            if isinstance(value, dict) and (not isinstance(key, str) or _unprintable(key)):
                rule = f"must have keys of text without control characters, got {shown(key)}"
                yield Problem(path, rule)
            else:
                yield from _unwritable((*path, key), item)


def _unprintable(text: str) -> bool:
    """Whether a text holds control characters, or bytes that are not UTF-8."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def _too_deep(network: Any) -> Iterator[Problem]:
    hidden = network.get("hidden") if isinstance(network, dict) else None
    if isinstance(hidden, list | tuple) and len(hidden) > MOST_LAYERS:
        rule = f"must be at most {MOST_LAYERS} layers, got {len(hidden)}"
        yield Problem(("network", "hidden"), rule)


def _beyond_engines(space: Any) -> Iterator[Problem]:
    """Names, values and counts of parameters that MLflow refuses, or that no search needs."""
    if not isinstance(space, dict):
        return
    if len(space) > MOST_PARAMETERS:
        rule = f"must have at most {MOST_PARAMETERS} parameters, got {len(space)}"
        yield Problem(("search_space",), rule)
    for name, parameter in space.items():
        if not _is_name(name):
            rule = (
                f"must have a name of 1 to {LONGEST_NAME} letters, digits, spaces, '_', '-', '.', "
                f"':' and '/', and no path as 'a/../b', because MLflow takes no other, got "
                f"{shown(name)}"
            )
            yield Problem(("search_space", name), rule)
        choices = parameter.get("choices") if isinstance(parameter, dict) else None
        if not isinstance(choices, list | tuple):
            continue
        path = ("search_space", name, "choices")
        if len(choices) > MOST_CHOICES:
            yield Problem(path, f"must be at most {MOST_CHOICES} values, got {len(choices)}")
        for index, choice in enumerate(choices):
            if isinstance(choice, str) and len(choice) > LONGEST_CHOICE:
                rule = f"must have at most {LONGEST_CHOICE} characters, got {len(choice)}"
                yield Problem((*path, index), rule)


def _is_name(name: str) -> bool:
    """Whether MLflow takes a parameter of this name; see `mlflow.utils.validation`."""
    plain = posixpath.normpath(name) == name and name != "." and not name.startswith(("/", ".."))
    return plain and len(name) <= LONGEST_NAME and _NAME.fullmatch(name) is not None
