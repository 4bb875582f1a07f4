"""First layers of many trials as small pictures, cut from the sheets that the trials left."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

TILES = 3  # units along each side of a small picture
QUALITY = 40  # of JPEG: weights are noise to it
BYTES = 3000  # of a picture at most: a thousand of them have to fit in a page, at 4/3 of that
_MARGIN, _HEAD = 1.25, 4096  # more than the share of the file that the first rows take, and a head
_flag = threading.Lock()


def small_sheet(path: Path, example_shape: tuple[int, ...]) -> bytes | None:
    """Cut the first units of a sheet out of it.

    Args:
        path: A PNG file that `studyhall.search.training.plots.first_layer_tiles` wrote.
        example_shape: (height, width, channels) of the images that the network takes.

    Returns:
        A JPEG file of 3 by 3 units at most, scaled down as far as `BYTES` ask for; None if the
        sheet is damaged.
    """
    height, width = (TILES * (side + 1) for side in example_shape[:2])
    try:
        with Image.open(path) as sheet:
            share = height / sheet.height * _MARGIN
            box = (0, 0, min(width, sheet.width), min(height, sheet.height))
        cut = _cut_beginning(path, share, box) if share < 1 else None
        if cut is None:
            with _flag, Image.open(path) as sheet:  # else another thread's beginnings would do
                cut = sheet.crop(box)
    except (OSError, SyntaxError, UnidentifiedImageError):  # SyntaxError is Pillow's, of a PNG
        return None
    return _encoded(cut)


def _encoded(picture: Image.Image) -> bytes:
    while True:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        content = buffer.getvalue()
        if len(content) <= BYTES:
            return content
        # A little more than the bytes say: what is scaled down is less smooth.
        share = 0.95 * (BYTES / len(content)) ** 0.5
        width, height = (max(1, round(share * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)


def _cut_beginning(path: Path, share: float, box: tuple[int, int, int, int]) -> Image.Image | None:
    """Cut from the file's beginning alone, which is a quarter of the work; None if it falls short.

    The last row that is wanted is the white one below the tiles, and black if it was not reached.
    """
    with path.open("rb") as file:
        beginning = file.read(int(path.stat().st_size * share) + _HEAD)
    with _truncated_allowed(), Image.open(io.BytesIO(beginning)) as sheet:
        cut = sheet.crop(box)
    return cut if cut.convert("L").getpixel((0, box[3] - 1)) == 255 else None


@contextmanager
def _truncated_allowed() -> Iterator[None]:
    """Have Pillow decode what there is of a picture, which it has a switch for all threads for."""
    with _flag:
        before = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
