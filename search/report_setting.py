"""What a report says of a study's cost, its surroundings, and how to run it again."""

from __future__ import annotations

from collections import Counter

import tomli_w

from search.report_parts import Code, Part, Section, Table, Words
from search.study_facts import StudyFacts


def cost_section(facts: StudyFacts) -> Section:
    """The core-seconds that training took, by how the trials ended."""
    spent, counts = facts.core_seconds(), Counter(row.state for row in facts.trials)
    rows = [
        [state, str(counts[state]), f"{spent[state]:,.1f}", f"{spent[state] / counts[state]:,.1f}"]
        for state in ("complete", "pruned", "failed", "unfinished")
        if state in spent
    ]
    total, number = sum(spent.values()), len(facts.trials)
    rows.append(["all", str(number), f"{total:,.1f}", f"{total / number:,.1f}" if number else ""])
    threads = facts.blas_threads
    each = "one thread" if threads == 1 else f"{threads} threads"
    words = f"Training took {total:,.0f} core-seconds, with {each} of matrix products a worker."
    head = ["state", "trials", "core-seconds", "a trial"]
    return Section("cost", "Cost", [Words(words), Table("", head, rows)])


def environment_section(facts: StudyFacts) -> Section:
    """Code, machine and libraries, as the study's run in MLflow has them."""
    found = facts.tracked.environment if facts.tracked else {}
    rows = [[name, value] for name, value in sorted(found.items())]
    parts: list[Part] = [Table("", ["what", "which"], rows)] if rows else []
    return Section("environment", "Environment", parts)


def reproduction_section(facts: StudyFacts) -> Section:
    """The commands and the study file that give the same trials again."""
    name = facts.spec.study.name
    environment = facts.tracked.environment if facts.tracked else {}
    version, commit = environment.get("code.version"), environment.get("code.commit")
    code = f"Studyhall {version}" if version else "a version of Studyhall that is not known here"
    if commit:
        changed = environment.get("code.dirty") == "true"
        code += f", commit {commit}{', with changes that are not in it' if changed else ''}"
    words = (
        f"The trials were run with {code}, seed {facts.spec.study.seed}, on data of the "
        f"fingerprint {facts.fingerprint or 'not known'}. With the same code, the study file "
        f"below and the same kind of machine, these commands give the same trials, bit for bit:"
    )
    commands = [f"studyhall launch {name}.toml", f"studyhall evaluate {name}"]
    best = facts.summary.best
    if facts.tracked and best and (run := facts.tracked.runs.get(best.number)):
        commands.append(f"studyhall replay {run.run_id}")
    file = tomli_w.dumps(facts.spec.model_dump(mode="json", exclude_none=True))
    parts: list[Part] = [
        Words(words),
        Code("", "\n".join(commands)),
        Code(f"{name}.toml", file, folded=True),
    ]
    return Section("reproduce", "How to reproduce it", parts)
