"""A trial's points while it trains: a worker appends them to a file that the uploader reads.

The file has a JSON line with the time when the trial began, and one for each point. Its loss costs
nothing, since the trial's record has all points.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from studyhall.model import EpochRecord
from studyhall.search.training.record import Point, curve_stride, epoch_points

LIVE_SECONDS = 3.0  # before the first update of a trial's run, and between two


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    started: int


class LivePoints:
    """Collects the points of a trial, and appends them to a file from time to time.

    Args:
        path: The file, which is created when the trial has trained for `seconds`.
        iterations: The most iterations that the trial can train for.
        seconds: The time before the first update, and between two.
    """

    def __init__(self, path: Path, iterations: int, seconds: float = LIVE_SECONDS) -> None:
        self.points: list[Point] = []
        self._path = path
        self._stride = curve_stride(iterations)
        self._seconds = seconds
        self._header = _Header(started=int(time.time() * 1000))
        self._shown = time.monotonic()
        self._written: int | None = None
        self._given_up = False

    def show(self, epoch: EpochRecord) -> None:
        """Add the points of an epoch, and write the new ones if it is time to."""
        self.points += epoch_points(epoch, self._stride, int(time.time() * 1000))
        if self._given_up or time.monotonic() - self._shown < self._seconds:
            return
        try:
            self._append()
        except OSError:
            self._given_up = True  # the disk is full, or another attempt has replaced this one
        self._shown = time.monotonic()

    def _append(self) -> None:
        """Append the new points; a file that was deleted since its creation stays deleted."""
        begin = self._written is None
        new: list[BaseModel] = [self._header] if begin else []
        new += self.points[self._written or 0 :]
        lines = b"".join(line.model_dump_json().encode() + b"\n" for line in new)
        if begin:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT if begin else 0)
        descriptor = os.open(self._path, flags, 0o666)
        try:
            if os.write(descriptor, lines) < len(lines):
                raise OSError("the disk took only a part of the lines")
        finally:
            os.close(descriptor)
        self._written = len(self.points)


@dataclass
class LiveReader:
    """Reads the new points in a file, from complete lines only.

    Attributes:
        started: When the trial began, in milliseconds since 1970; None before the first line.
        taken: How many points have been read.
    """

    path: Path
    started: int | None = None
    taken: int = 0
    _offset: int = 0

    def new_points(self) -> list[Point]:
        """The points since the last call; none if the file is gone.

        Reading stops at a line that is no point.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        points: list[Point] = []
        for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True):
            try:
                if self.started is None:
                    self.started = _Header.model_validate_json(line).started
                else:
                    points.append(Point.model_validate_json(line))
            except ValidationError:
                break
            self._offset += len(line)
        self.taken += len(points)
        return points
