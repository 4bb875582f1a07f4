"""What `studyhall service check` prints."""

from __future__ import annotations

from collections.abc import Sequence

from studyhall.search.cli.champion_view import print_json
from studyhall.search.common.service_part import Part


def show_service(parts: Sequence[Part], as_json: bool) -> None:
    """Print each part of the service with what is known of it, and its problems below it."""
    if as_json:
        healthy = all(part.healthy for part in parts)
        print_json({"healthy": healthy, "parts": [part.to_dict() for part in parts]})
        return
    for part in parts:
        facts = [
            str(fact) if name == "kind" else _named(name, fact) for name, fact in part.facts.items()
        ]
        took = [] if part.milliseconds is None else [f"{part.milliseconds:.0f} ms"]
        verdict = ("well" if part.tried else "not tried") if part.healthy else "PROBLEM"
        print(f"{part.name}: {verdict}: {part.place} ({', '.join([*facts, *took])})")
        for problem in part.problems:
            print(f"  {problem}")


def _named(name: str, fact: str | float) -> str:
    if name == "clock_difference_seconds":
        return f"clock {fact:+} s"
    if name == "free_bytes":
        return f"{float(fact) / 1e9:.1f} GB free"
    return str(fact) if name == "state" else f"{name} {fact}"
