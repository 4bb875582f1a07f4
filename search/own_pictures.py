"""One picture of the user's own data: what its header says, and its pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.catalog import UndecodableError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_GREY = ("1", "L", "LA")
_COLOURED = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)  # EXIF's tag, and its values that swap the sides


@dataclass(frozen=True)
class Header:
    """What a picture is, once upright.

    Attributes:
        height: in pixels.
        width: in pixels.
        grey: whether it has no colours.
    """

    height: int
    width: int
    grey: bool

    @property
    def size(self) -> str:
        """Its height and width, as sentences say them."""
        return f"{self.height} x {self.width}"


def header(content: bytes) -> Header:
    """Read what a picture is, without its pixels.

    Args:
        content: the picture's file.

    Raises:
        UndecodableError: it is no picture of FORMATS, or has other than 8 bits a channel.
    """
    with _opened(content) as picture:
        if picture.mode not in (*_GREY, *_COLOURED):
            raise UndecodableError(f"must have 8 bits a channel, got Pillow's mode {picture.mode}")
        sides = picture.size
        if picture.getexif().get(_ORIENTATION) in _ON_ITS_SIDE:
            sides = sides[::-1]
        return Header(sides[1], sides[0], picture.mode in _GREY)


def pixels(
    content: bytes, channels: int, size: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a picture, upright as its camera noted; of an animated one the first frame.

    Args:
        content: the picture's file.
        channels: 3 for RGB, 1 for grey.
        size: height and width to crop, centred, and scale it to; None to leave it.

    Returns:
        uint8 (height, width, channels).

    Raises:
        UndecodableError: it is damaged or cut short.
    """
    from PIL import ImageOps

    with _opened(content) as picture:
        upright = ImageOps.exif_transpose(picture).convert("L" if channels == 1 else "RGB")
        fitted = fit(upright, size) if size else upright
        return np.asarray(fitted).reshape(fitted.height, fitted.width, channels)


def fit(picture: Image, size: tuple[int, int]) -> Image:
    """Crop a picture to the form of (height, width), centred, and scale it; the same every time."""
    from PIL import Image, ImageOps

    return ImageOps.fit(picture, (size[1], size[0]), Image.Resampling.LANCZOS)


@contextmanager
def _opened(content: bytes) -> Iterator[Image]:
    """Open a picture, and say in a sentence what is wrong with it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # What is odd about its metadata is no matter.
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                yield picture
    except UndecodableError:
        raise  # it is a ValueError too
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise UndecodableError(f"must be a picture in one of the formats {known}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UndecodableError(f"is too large a picture ({error})") from None
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError) as error:
        raise UndecodableError(f"must be a whole picture, got '{error}'") from None
