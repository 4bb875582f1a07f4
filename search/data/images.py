"""Pictures of the user's own, made into what a classifier takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import UndecodableError
from studyhall.search.data.own_pictures import pixels


def read_picture(
    path: Path, example_shape: tuple[int, ...], *, light_on_dark: bool = True
) -> NDArray[np.uint8]:
    """Read a picture of any size, in any of the formats of `own_pictures`.

    It is turned upright as its camera noted, cropped to a centred square, scaled to the shape of
    the data set's images, as pictures of the user's own data are, and made RGB or grey as they
    are. A grey picture with a bright border is turned into its negative: digits are written dark on
    light, and MNIST's are light on dark.

    Args:
        path: The picture.
        example_shape: (height, width, channels) with three channels or one.
        light_on_dark: Whether the data set's grey images are; else a picture is taken as it is.

    Returns:
        uint8 of that shape.

    Raises:
        UsageError: there is no such file, it is no picture, or the data set has no images.
    """
    if len(example_shape) != 3:
        raise UsageError(
            f"{path}: must be classified by a study of images, "
            f"but this study's data are points, not pictures; name another study"
        )
    height, width, channels = example_shape
    try:
        found = pixels(path.read_bytes(), channels, (height, width))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such picture") from None
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path}: must be readable, got '{reason}'; name another") from None
    except UndecodableError as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}; name another") from error
    if channels == 1 and light_on_dark:
        border = np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]])
        return 255 - found if np.median(border) > 127 else found
    return found
