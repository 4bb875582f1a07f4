"""What a tracking server has of a study's trials, read from its own database and files."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.common.manifest import damage

# The runs that have not been deleted, with the numbers of their trials.
_TRIALS = """
    FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'studyhall.trial'
    WHERE runs.lifecycle_stage = 'active'
"""


@dataclass(frozen=True)
class Contents:
    """The trials of one study.

    Attributes:
        runs: How many runs there are, by trial and status.
        points: How many points there are, by trial, metric and step.
        artifacts: How many files there are, by trial and path.
        damaged: The artifacts whose SHA-256 is not what their trial's manifest says.
    """

    runs: Counter[tuple[str, ...]]
    points: Counter[tuple[str, ...]]
    artifacts: Counter[tuple[str, ...]]
    damaged: list[str]

    def first(self, trials: int) -> Contents:
        """Return the same of the first few trials alone, and of all what is damaged."""
        counted = (self.runs, self.points, self.artifacts)
        kept = ({k: n for k, n in counts.items() if int(k[0]) < trials} for counts in counted)
        return Contents(*map(Counter, kept), damaged=self.damaged)


def contents(folder: Path) -> Contents:
    """Read what a server has that was started in `folder`, and keeps one study's trials."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        runs = database.execute(f"SELECT tags.value, runs.run_uuid, runs.status {_TRIALS}")
        found = runs.fetchall()
        points = database.execute(
            "SELECT trial, metrics.key, metrics.step FROM metrics JOIN "
            f"(SELECT tags.value AS trial, runs.run_uuid AS run {_TRIALS}) ON run = run_uuid"
        ).fetchall()
    folders = [(trial, next(folder.glob(f"*/*/{run}/artifacts"), None)) for trial, run, _ in found]
    kept = [(trial, artifacts) for trial, artifacts in folders if artifacts]
    return Contents(
        runs=Counter((trial, status) for trial, _, status in found),
        points=Counter(points),
        artifacts=Counter(
            (trial, file.relative_to(artifacts).as_posix())
            for trial, artifacts in kept
            for file in artifacts.rglob("*")
            if file.is_file()
        ),
        damaged=[problem for _, artifacts in kept if (problem := damage(artifacts))],
    )


def lost_and_added(expected: Contents, found: Contents) -> dict[str, int]:
    """Return how many runs, points and artifacts are missing, and how many should not be there."""
    counts = {"damaged_artifacts": len(found.damaged)}
    for kind in ("runs", "points", "artifacts"):
        wanted, present = getattr(expected, kind), getattr(found, kind)
        counts |= {f"{kind}_lost": (wanted - present).total()}
        counts |= {f"{kind}_added": (present - wanted).total()}
    return counts
