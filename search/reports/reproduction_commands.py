"""The commands and the study file that give the trials of a study again."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from studyhall.search.config.study_spec import StudySpec
from studyhall.search.reports.study_facts import StudyFacts


def reproduction_commands(facts: StudyFacts) -> list[str]:
    """The command lines that launch the study, and evaluate and replay its champion."""
    name, best, tracked = facts.spec.study.name, facts.summary.best, facts.tracked
    commands = [f"studyhall launch {name}.toml"]
    if facts.finalists:
        wanted, usual = facts.finalists, facts.spec.finalists
        asked = (wanted.configurations, wanted.seeds)
        if usual is None or (usual.configurations, usual.seeds) != asked:
            count, seeds = asked
            commands.append(f"studyhall finalists {name} --configurations {count} --seeds {seeds}")
    commands.append(f"studyhall evaluate {name}")
    if tracked and tracked.champion:
        commands.append(f"studyhall replay {tracked.champion.run_id}")
    elif tracked and best and (run := tracked.runs.get(best.number)):
        commands.append(f"studyhall replay {run.run_id}")
    return commands


def study_file(spec: StudySpec) -> str:
    """The study file as text, without the folder in which data of the user's own are.

    That folder is private, and has another name on another machine.
    """
    content = spec.model_dump(mode="json", exclude_none=True)
    if folder := data_folder(spec):
        content["data"]["path"] = folder
    return tomli_w.dumps(content)


def data_folder(spec: StudySpec) -> str | None:
    """The last part of the path of data of the user's own; None for data that ship."""
    path = spec.data_settings.path
    return Path(path).name if path else None
