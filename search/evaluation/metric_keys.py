"""Names of any kind as parts of the keys of MLflow's metrics."""

from __future__ import annotations

import re
from collections.abc import Iterable


def metric_keys(names: Iterable[str]) -> dict[str, str]:
    """Make names into ends of metrics' keys, all different; return the names by them.

    MLflow takes letters, digits and a few signs, but classes of a user's own may have any name.
    """
    keys: dict[str, str] = {}
    for name in names:
        key = re.sub(r"[^\w .-]", "_", name)
        while key in keys:
            key += "_"
        keys[key] = name
    return keys
