"""The first layers of a study's trials, fetched from MLflow and cut small for a page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from studyhall.search.common.errors import StudyhallError
from studyhall.search.reports.gallery import small_sheet
from studyhall.search.reports.study_facts import TrialRun
from studyhall.search.tracking.mlflow_errors import mlflow_exception
from studyhall.search.tracking.run_files import download, missing_artifact

PICTURE = "first_layer.png"
_FETCHES = 8  # at a time, from a server


@dataclass(frozen=True)
class FirstLayers:
    """Where the pictures of a study's trials are, and the form of the images they are of.

    Attributes:
        uri: MLflow's address.
        example_shape: (height, width, channels).
        runs: The run of each trial, by number.
    """

    uri: str | None
    example_shape: tuple[int, ...]
    runs: Mapping[int, TrialRun]

    def small(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Fetch the pictures of some trials; a JPEG file each of those that have one.

        Raises:
            StudyhallError: MLflow does not answer.
        """
        wanted = [number for number in numbers if number in self.runs]
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_FETCHES) as pool:
            found = pool.map(lambda number: self._small(number, Path(folder)), wanted)
            return {n: sheet for n, sheet in zip(wanted, found, strict=True) if sheet}

    def _small(self, number: int, folder: Path) -> bytes | None:
        place = f"{self.runs[number].artifact_uri.rstrip('/')}/{PICTURE}"
        if place.startswith(("/", "file:")):  # a file of this machine is read where it is
            here = Path(url2pathname(urlsplit(place).path) if place[0] == "f" else place)
            return small_sheet(here, self.example_shape)
        path = self._fetched(number, place, folder / str(number))
        if path is None:
            return None
        sheet = small_sheet(path, self.example_shape)
        path.unlink()  # a thousand of them take a gigabyte
        return sheet

    def _fetched(self, number: int, place: str, folder: Path) -> Path | None:
        try:
            return download(place, folder, self.uri)
        except (mlflow_exception(), OSError) as error:
            if missing_artifact(error):
                return None
            reason = " ".join(str(error).split())[:200]
            raise StudyhallError(
                f"trial {number}: its {PICTURE} cannot be fetched: {reason}"
            ) from error
