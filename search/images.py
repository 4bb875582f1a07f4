"""Pictures of the user's own, made into what a classifier takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.errors import UsageError


def read_picture(path: Path, example_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a picture of any size and format that Pillow knows.

    It is turned upright as its camera noted, cropped to a centred square, scaled to the shape of
    the data set's images and made RGB.

    Args:
        path: The picture.
        example_shape: (height, width, 3).

    Returns:
        uint8 of that shape.

    Raises:
        UsageError: there is no such file, or it is no picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    height, width, _ = example_shape
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            fitted = ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such picture") from None
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(f"{path}: must be a picture that can be read, got {error}") from None
    return np.asarray(fitted)
