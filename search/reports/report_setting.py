"""What a report says of a study's cost, its surroundings, and how to run it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import tomli_w

from studyhall.search.common.words import counted
from studyhall.search.config.study_spec import FinalistsSpec
from studyhall.search.reports.report_parts import Code, Part, Section, Table, Words
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.trial_rows import TrialRow


def cost_section(facts: StudyFacts) -> Section:
    """The core-seconds that training took, by how the trials ended, and the finalists'."""
    spent, trainings = facts.core_seconds(), facts.trainings()
    rows = [
        _cost(state, trainings[state], spent[state])
        for state in ("complete", "pruned", "failed", "unfinished", "finalists")
        if state in trainings
    ]
    everything = [row for found in trainings.values() for row in found]
    total, threads = sum(spent.values()), facts.blas_threads
    rows.append(_cost("all", everything, total))
    each = "one thread" if threads == 1 else f"{threads} threads"
    words = f"Training took {total:,.0f} core-seconds, with {each} of matrix products a worker."
    if unknown := sum(row.seconds is None for row in everything):
        words += (
            f" That is without {counted(unknown, 'training')} that did not end or brought the "
            "worker down: what they took is not known."
        )
    head = ["state", "trials", "core-seconds", "a trial"]
    return Section("cost", "Cost", [Words(words), Table("", head, rows)])


def _cost(state: str, rows: Sequence[TrialRow], spent: float) -> list[str]:
    known = sum(row.seconds is not None for row in rows)
    costs = [f"{spent:,.1f}", f"{spent / known:,.1f}"] if known else ["", ""]
    return [state, str(len(rows)), *costs]


def environment_section(facts: StudyFacts) -> Section:
    """Code, machine and libraries, as the study's run in MLflow has them."""
    found = facts.tracked.environment if facts.tracked else {}
    rows = [[name, value] for name, value in sorted(found.items())]
    parts: list[Part] = [Table("", ["what", "which"], rows)] if rows else []
    return Section("environment", "Environment", parts)


def reproduction_section(facts: StudyFacts) -> Section:
    """The commands and the study file that give the same trials again."""
    spec, title = facts.spec, "How to reproduce it"
    words = (
        f"The trials were run with {_code(facts)}, seed {spec.study.seed}, on data of the "
        f"fingerprint {facts.fingerprint or 'not known'}. "
    )
    if isinstance(spec, FinalistsSpec):
        command = f"studyhall report {spec.search}"
        words += "They are of the study that the report of this command tells how to run:"
        return Section("reproduce", title, [Words(words), Code("", command)])
    words += f"With these, the study file below and the same kind of machine, {_given(facts)}:"
    content = spec.model_dump(mode="json", exclude_none=True)
    if path := spec.data_settings.path:
        content["data"]["path"] = Path(path).name  # where it lies is nobody's business
        words = words.removesuffix(":") + (
            f". The data are your own, and the study file has but their last name: where "
            f"{Path(path).name} is not beside it, name the place with --data-dir in each command:"
        )
    file = tomli_w.dumps(content)
    name, commands = f"{spec.study.name}.toml", "\n".join(_commands(facts))
    parts: list[Part] = [Words(words), Code("", commands), Code(name, file, folded=True)]
    return Section("reproduce", title, parts)


def _given(facts: StudyFacts) -> str:
    """What the commands give: all but what the command line has no option for, or may need one."""
    skip = "add --no-preflight to the launch where it refuses a network"
    if (threads := facts.blas_threads) == 1:
        return f"the commands give the same trials, bit for bit; {skip}"
    return (
        "the commands give the same trials but for the last bits, as each of these had "
        f"{threads} BLAS threads: launch with Options(blas_threads={threads}) in Python to have "
        f"those too; {skip}"
    )


def _code(facts: StudyFacts) -> str:
    environment = facts.tracked.environment if facts.tracked else {}
    version, commit = environment.get("code.version"), environment.get("code.commit")
    code = f"Studyhall {version}" if version else "a version of Studyhall that is not known here"
    if commit:
        changed = environment.get("code.dirty") == "true"
        code += f", commit {commit}{', with changes that are not in it' if changed else ''}"
    return code


def _commands(facts: StudyFacts) -> Iterator[str]:
    name, best = facts.spec.study.name, facts.summary.best
    yield f"studyhall launch {name}.toml"
    if facts.finalists:
        wanted, usual = facts.finalists, facts.spec.finalists
        asked = (wanted.configurations, wanted.seeds)
        if usual is None or (usual.configurations, usual.seeds) != asked:
            yield f"studyhall finalists {name} --configurations {asked[0]} --seeds {asked[1]}"
    yield f"studyhall evaluate {name}"
    if facts.tracked and (champion := facts.tracked.champion):
        yield f"studyhall replay {champion.run_id}"
    elif facts.tracked and best and (run := facts.tracked.runs.get(best.number)):
        yield f"studyhall replay {run.run_id}"
