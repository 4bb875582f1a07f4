"""How a user names a run of MLflow: by its id, as `runs:/ID`, or by its address in the UI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from studyhall.search.common.addresses import redact
from studyhall.search.common.errors import UsageError

_ID = r"([A-Za-z0-9][A-Za-z0-9_-]{0,255})"
_NAMED = re.compile(rf"(?:runs:/{_ID}(?:/.*)?|{_ID})")
_IN_UI = re.compile(rf"/experiments/[^/]+/runs/{_ID}(?:[/?].*)?")


@dataclass(frozen=True)
class RunAddress:
    """A run, and the server whose UI the user saw it in, if that was said."""

    run_id: str
    server: str | None = None

    def stores(self, tracking_uri: str | None) -> list[str | None]:
        """Where to look for the run, one after the other; None is MLflow's default.

        A run's id is given once in the world, so that a run of that id in the working folder is
        the one that is meant, also when the UI that showed it was closed since.
        """
        if tracking_uri or not self.server:
            return [tracking_uri]
        return [None, self.server]


def parse_run(text: str) -> RunAddress:
    """Read what a user typed or copied.

    Args:
        text: `ID`, `runs:/ID`, `runs:/ID/model`, or an address of the UI such as
            `http://127.0.0.1:5000/#/experiments/1/runs/ID/artifacts`.

    Raises:
        UsageError: it is none of these.
    """
    if named := _NAMED.fullmatch(text):
        return RunAddress(named[1] or named[2])
    parts = urlsplit(text)
    in_ui = _IN_UI.search(parts.fragment)
    if parts.scheme in ("http", "https") and in_ui:
        if "@" in parts.netloc:
            raise UsageError(
                "RUN: must hold no name or password, which every user of this machine could read, "
                f"got '{redact(text)}'; put them into MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD"
            )
        return RunAddress(in_ui[1], f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/"))
    raise UsageError(
        f"RUN: must be the id of a run, runs:/ID, or the address of one run in MLflow's UI, "
        f"got '{text}'"
    )
