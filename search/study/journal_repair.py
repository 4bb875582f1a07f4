"""A journal with spoilt lines: which they are, and the same journal made readable again.

Optuna numbers studies and trials by the order of the lines that create them. A spoilt line that
created one therefore gets a stand-in, or all later lines would be about other trials. A trial of
which part is lost counts as unfinished again; the next launch enters its result anew.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from optuna.storages.journal._storage import JournalOperation, JournalStorageReplayResult
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from studyhall.search.common.addresses import HOME
from studyhall.search.common.atomic_files import write_whole
from studyhall.search.common.words import counted, shown
from studyhall.search.config.search_space import holds
from studyhall.search.config.study_spec import StudySpec, recorded_spec
from studyhall.search.study.study import SPEC, STUDY_ID
from studyhall.search.study.trial_result import ATTEMPT

_CREATES = (JournalOperation.CREATE_STUDY, JournalOperation.CREATE_TRIAL)
_NAMED = 5  # spoilt lines that a sentence names
Log = dict[str, Any]


class Line(NamedTuple):
    """A line of a journal: its number from 1, its bytes, and its record; None if it is spoilt."""

    number: int
    content: bytes
    log: Log | None


def problem_of(path: Path) -> str:
    """Say which lines of a journal are spoilt, or that the file is no journal."""
    lines = [*_lines(path)]
    spoilt = [line for line in lines if line.log is None]
    if len(spoilt) == len(lines):
        return f"{path} must be a study's journal, got a line that is no record of one"
    named = ", ".join(str(line.number) for line in spoilt[:_NAMED])
    more = f" and {len(spoilt) - _NAMED} more" if len(spoilt) > _NAMED else ""
    first = shown(spoilt[0].content.decode(errors="replace").rstrip("\n"), 60) if spoilt else ""
    return (
        f"{path}: line {named}{more} must be a record of a study, got {first}; run `studyhall "
        "doctor` with the name of a study and --fix, which sets it aside and keeps a copy of the "
        "file"
    )


def mend(path: Path) -> list[str]:
    """Make a journal readable whose lines are partly spoilt; nobody else may be writing to it.

    The file as it was is kept beside it.

    Returns:
        What was done, a sentence each; nothing if no line is spoilt, or none is a record.
    """
    lines = [*_lines(path)]
    spoilt = [line for line in lines if line.log is None]
    if not spoilt or len(spoilt) == len(lines):
        return []
    logs, reopened = _without_lost_trials(_with_stand_ins(lines), spoilt)
    logs += _lost_ids(path, logs, spoilt)
    copy = next(
        place
        for number in range(1, len(lines) + 2)
        if not (place := path.with_name(f"{path.name}.spoilt-{number}")).exists()
    )
    shutil.copy2(path, copy)
    write_whole(path, b"".join(_written(log) for log in logs))
    named = ", ".join(str(line.number) for line in spoilt[:_NAMED])
    more = f" and {len(spoilt) - _NAMED} more" if len(spoilt) > _NAMED else ""
    done = [f"line {named}{more} of {path.name} was spoilt; {copy.name} is the file as it was"]
    if reopened:
        trials = counted(len(reopened), "trial")
        done.append(f"{trials} lost part of the record; launch the study to enter it again")
    return done


def _lines(path: Path) -> Iterator[Line]:
    """The lines of a journal; a last one without its end is left out, as by all who read it."""
    state = JournalStorageReplayResult("")
    with path.open("rb") as file:  # whose lines end as Optuna's: a carriage return ends none
        for number, content in enumerate(file, start=1):
            if content.endswith(b"\n"):
                log = _log(content)
                yield Line(number, content, log if log and _applies(state, log) else None)


def _log(content: bytes) -> Log | None:
    try:
        log = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return log if isinstance(log, dict) else None


def _applies(state: JournalStorageReplayResult, log: Log) -> bool:
    """Whether Optuna can read a record; `state` then has it."""
    try:
        state.apply_logs([log])
    except Exception:  # whatever Optuna makes of a record that is none
        return False
    return True


def _with_stand_ins(lines: Sequence[Line]) -> list[Log]:
    """The records of a journal, with those that spoilt lines must have been."""
    found: list[Log | None] = [line.log or _tail(line.content) for line in lines]
    lost = {index for index, log in enumerate(found) if log is None}
    for index in lost:
        if begun := re.match(rb'\{"op_code":\s*(\d+),', lines[index].content):
            operation = int(begun[1])
            if operation in _CREATES:
                found[index] = _stand_in(operation, index, lines, found)
    while gap := _gap(found):
        place, operation = gap
        free = [index for index in lost if index < place and found[index] is None]
        if not free:
            break
        found[max(free)] = _stand_in(operation, max(free), lines, found)
    return [log for log in found if log]


def _tail(content: bytes) -> Log | None:
    """The record that was appended to the beginning of another one, whose writer died."""
    starts = [match.start() for match in re.finditer(rb'\{"op_code"', content)]
    return next((log for start in starts if start and (log := _log(content[start:]))), None)


def _gap(logs: Sequence[Log | None]) -> tuple[int, int] | None:
    """The first record about a study or trial that no record created, and what created it."""
    state = JournalStorageReplayResult("")
    for index, log in enumerate(logs):
        if log is None or not _applies(state, log):
            continue
        if log.get("study_id", -1) >= state._next_study_id:
            return index, JournalOperation.CREATE_STUDY
        if log.get("trial_id", -1) >= len(state._trials):
            return index, JournalOperation.CREATE_TRIAL
    return None


def _stand_in(operation: int, index: int, lines: Sequence[Line], logs: Sequence[Log | None]) -> Log:
    """A record that creates what the spoilt line at an index did."""
    before = [log for log in logs[:index] if log and log["op_code"] == operation]
    after = [log for log in logs[index:] if log and log["op_code"] == operation]
    if operation == JournalOperation.CREATE_TRIAL:
        like = before[-1] if before else after[0] if after else {}
        kept = re.search(rb'"study_id":\s*(\d+)', lines[index].content)
        nearest = next((log for log in logs[:index][::-1] if log and "study_id" in log), like)
        study = int(kept[1]) if kept else nearest.get("study_id", 0)
        started = like.get("datetime_start", "1970-01-01T00:00:00.000000")
        return {
            "op_code": operation,
            "worker_id": "repaired",
            "study_id": study,
            "datetime_start": started,
        }
    number = len(before)
    specs = (_spec_in(log) for log in logs[index:] if log and log.get("study_id") == number)
    spec = next(filter(None, specs), None)
    maximize = spec is None or spec.study.direction == "maximize"
    direction = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
    return {
        "op_code": operation,
        "worker_id": "repaired",
        "study_name": spec.study.name if spec else f"repaired-{number}",
        "directions": [direction.value],
    }


def _spec_in(log: Log) -> StudySpec | None:
    """The study that a record is of, if it says so."""
    try:
        return recorded_spec(json.loads(log["user_attr"][SPEC]))
    except (KeyError, TypeError, ValueError, ValidationError):
        return None


def _without_lost_trials(logs: list[Log], spoilt: Sequence[Line]) -> tuple[list[Log], set[int]]:
    """The records less the ends of trials that are not whole, and the ids of these trials."""
    lost = [line.content for line in spoilt if _tail(line.content) is None]
    named = (re.search(rb'"trial_id":\s*(\d+)', content) for content in lost)
    partial = {int(match[1]) for match in named if match}
    state = JournalStorageReplayResult("")
    state.apply_logs(logs)
    specs = {
        study_id: _spec_in({"user_attr": study.user_attrs})
        for study_id, study in state._studies.items()
    }
    for trial_id, trial in state._trials.items():
        spec = specs.get(state._trial_id_to_study_id[trial_id])
        if spec and trial.state.is_finished() and not _is_whole(trial, spec):
            partial.add(trial_id)
    ends = [
        log
        for log in logs
        if log["op_code"] == JournalOperation.SET_TRIAL_STATE_VALUES
        and log["trial_id"] in partial
        and TrialState(log["state"]).is_finished()
    ]
    kept = [log for log in logs if not any(log is end for end in ends)]
    return kept, {log["trial_id"] for log in ends}


def _lost_ids(path: Path, logs: Sequence[Log], spoilt: Sequence[Line]) -> Iterator[Log]:
    """Records of the ids of studies that lost theirs: by these MLflow knows their runs.

    An id is sought in the spoilt lines, and among the folders of records beside the journal.
    """
    state = JournalStorageReplayResult("")
    state.apply_logs(logs)
    known = {study.user_attrs.get(STUDY_ID) for study in state.get_all_studies()}
    text = b"".join(line.content for line in spoilt)
    seen = [match.decode() for match in re.findall(rb'"([0-9a-f]{32})"', text)]
    seen += sorted(folder.name for folder in (path.parent / HOME).glob("[0-9a-f]" * 32))
    unused = (one for one in seen if one not in known)
    for study_id, study in state._studies.items():
        if SPEC in study.user_attrs and STUDY_ID not in study.user_attrs:
            yield {
                "op_code": JournalOperation.SET_STUDY_USER_ATTR,
                "worker_id": "repaired",
                "study_id": study_id,
                "user_attr": {STUDY_ID: next(unused, uuid.uuid4().hex)},
            }


def _is_whole(trial: FrozenTrial, spec: StudySpec) -> bool:
    """Whether a finished trial has all that is entered before its end."""
    if ATTEMPT not in trial.user_attrs:
        return False
    active = {name for name, p in spec.search_space.items() if holds(p, trial.params)}
    return trial.params.keys() == active


def _written(log: Log) -> bytes:
    return json.dumps(log, separators=(",", ":")).encode() + b"\n"
