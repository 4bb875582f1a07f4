"""Addresses of a study's results in MLflow's UI, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pages:
    """Addresses in MLflow's UI.

    Attributes:
        runs: The study's runs, the columns that matter first.
        charts: Its trials alone, the best first, as charts over the iterations.
        study: The study's own run, with its files.
        champion: The registered champion; None if there is none.
        served: Whether a server serves them.
        command: The command that serves them if no server does.
    """

    runs: str
    charts: str
    study: str
    champion: str | None
    served: bool
    command: str | None = None
