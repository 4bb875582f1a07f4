"""Small images of the first layers of a study's trials, cut from those that the trials recorded."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from PIL import Image, ImageFile, UnidentifiedImageError

from studyhall.search.common.errors import StudyhallError
from studyhall.search.data.dataset_manifest import read_manifest
from studyhall.search.data.datasets import dataset_info
from studyhall.search.data.recorded_data import version_of
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.trial_result import best_first
from studyhall.search.tracking.mlflow_errors import mlflow_exception
from studyhall.search.tracking.run_files import download, missing_artifact
from studyhall.search.training.plots import TILE_SIDES, fits_tiles

FILE = "first_layer.png"
MOST_LAYERS = 1000  # in a report: more would make it too large to pass around
UNITS = 3  # along each side of a small image
MOST_BYTES = 3000  # of a small image: a thousand have to fit in a page, at 4/3 of that in base64
_QUALITY = 40  # of JPEG: it shows weights, which look like noise, well enough
_DOWNLOADS = 8  # at the same time
# The first rows of a sheet can take more than their share of its file, besides the file's header.
_MARGIN, _HEADER = 1.25, 4096
_truncation_switch = threading.Lock()


def first_layers(facts: StudyFacts, tracking_uri: str | None) -> dict[int, bytes] | str:
    """A small JPEG file of the first layer of each trial that has one, or why there are none.

    Args:
        facts: The study.
        tracking_uri: MLflow's address.

    Raises:
        StudyhallError: MLflow does not answer.
    """
    shape = _example_shape(facts)
    if reason := why_no_layers(facts, shape):
        return reason
    ranked = best_first(list(facts.trials), facts.spec)
    runs = facts.tracked.runs if facts.tracked else {}
    places = {
        row.number: f"{runs[row.number].artifact_uri.rstrip('/')}/{FILE}"
        for row in [row for row in ranked if row.weights_sha256 is not None][:MOST_LAYERS]
        if row.number in runs
    }
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_DOWNLOADS) as pool:

        def small(number: int) -> bytes | None:
            return _small(number, places[number], shape or (), Path(folder), tracking_uri)

        found = zip(places, pool.map(small, places), strict=True)
        return {number: content for number, content in found if content}


def why_no_layers(facts: StudyFacts, example_shape: tuple[int, ...] | None) -> str | None:
    """Why a report can show no first layers, in a sentence; None if it can.

    Args:
        facts: The study.
        example_shape: The shape of its examples; None if it is not known.
    """
    if all(row.weights_sha256 is None for row in facts.trials):
        return "No trial saved weights."
    if facts.tracked is None:
        return "They are not shown: they are recorded with the trials' runs, and MLflow has none."
    if example_shape is None:
        return (
            "They are not shown: the size of the images in the data set is not known, because the "
            "data set is not in the cache of this machine; `studyhall data fetch` with the study "
            "file puts it there."
        )
    if len(example_shape) != 3:
        return "There are no images of them, because the examples are points, not images."
    if not fits_tiles(example_shape):
        height, width = example_shape[:2]
        least, most = TILE_SIDES[0], TILE_SIDES[-1]
        return (
            f"There are no images of them, because the examples have {height} by {width} pixels: "
            f"trials draw first layers if both sides have from {least} to {most}."
        )
    return None


def _example_shape(facts: StudyFacts) -> tuple[int, ...] | None:
    """The shape of the study's examples; None if the user's own are no longer in the cache."""
    settings = facts.spec.data_settings
    if settings.path is None:
        return dataset_info(settings).example_shape
    folder = version_of(settings, facts.fingerprint or "")
    manifest = read_manifest(folder) if folder else None
    return manifest.info.example_shape if manifest else None


def _small(
    number: int, place: str, example_shape: Sequence[int], folder: Path, uri: str | None
) -> bytes | None:
    """The small image of one trial's first layer, whose sheet is at `place`."""
    if place.startswith(("/", "file:")):  # a file of this machine needs no download
        local = Path(url2pathname(urlsplit(place).path) if place[0] == "f" else place)
        return small_sheet(local, example_shape)
    try:
        path = download(place, folder / str(number), uri)
    except (mlflow_exception(), OSError) as error:
        if missing_artifact(error):
            return None
        reason = " ".join(str(error).split())[:200]
        raise StudyhallError(f"trial {number}: its {FILE} cannot be fetched: {reason}") from error
    sheet = small_sheet(path, example_shape)
    path.unlink()  # a thousand sheets take a gigabyte
    return sheet


def small_sheet(path: Path, example_shape: Sequence[int]) -> bytes | None:
    """Cut the first units out of a sheet.

    Args:
        path: A PNG file that `studyhall.search.training.plots.first_layer_tiles` wrote.
        example_shape: (height, width, channels) of the images that the network takes.

    Returns:
        A JPEG file of at most 3 by 3 units, scaled down until it has at most `MOST_BYTES`; None if
        the sheet is damaged.
    """
    height, width = (UNITS * (side + 1) for side in example_shape[:2])
    try:
        with Image.open(path) as sheet:
            share = height / sheet.height * _MARGIN
            box = (0, 0, min(width, sheet.width), min(height, sheet.height))
        cut = _cut_beginning(path, share, box) if share < 1 else None
        if cut is None:
            # Without the lock, another thread could have truncated files allowed meanwhile.
            with _truncation_switch, Image.open(path) as sheet:
                cut = sheet.crop(box)
    except (OSError, SyntaxError, UnidentifiedImageError):  # Pillow has SyntaxError for some PNGs
        return None
    return _encoded(cut)


def _encoded(image: Image.Image) -> bytes:
    while True:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=_QUALITY)
        content = buffer.getvalue()
        if len(content) <= MOST_BYTES:
            return content
        # A little more than the bytes say, because a smaller image is less smooth.
        share = 0.95 * (MOST_BYTES / len(content)) ** 0.5
        width, height = (max(1, round(share * side)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)


def _cut_beginning(path: Path, share: float, box: tuple[int, int, int, int]) -> Image.Image | None:
    """Cut from the file's beginning alone, a quarter of the work; None if that does not suffice.

    The last wanted row is the white one below the tiles; it is black if it was not decoded.
    """
    with path.open("rb") as file:
        beginning = file.read(int(path.stat().st_size * share) + _HEADER)
    with _truncated_allowed(), Image.open(io.BytesIO(beginning)) as sheet:
        cut = sheet.crop(box)
    return cut if cut.convert("L").getpixel((0, box[3] - 1)) == 255 else None


@contextmanager
def _truncated_allowed() -> Iterator[None]:
    """Have Pillow decode truncated images; its switch for that holds for all threads."""
    with _truncation_switch:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
