"""One picture of the user's own: what its header says, and its pixels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from studyhall.search.data.catalog import UndecodableError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_GREY = ("1", "L", "LA")
_COLOURED = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_ORIENTATION = 0x0112  # EXIF's tag
# By its values, what makes a picture upright, in the words of Pillow's `Transpose`.
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_SIDEWAYS = (5, 6, 7, 8)


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
        UndecodableError: it is no picture of FORMATS, or its values would be clipped.
    """
    picture = _opened(content)
    sides = picture.size
    if picture.format != "TIFF" and _orientation(picture) in _SIDEWAYS:
        sides = sides[::-1]  # which Pillow itself does for TIFF
    return Header(sides[1], sides[0], picture.mode in _GREY)


def pixels(
    content: bytes, channels: int, size: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a picture, upright as its camera noted; of an animated one the first frame.

    Args:
        content: the picture's file. Of colours of 16 bits the upper 8 are taken.
        channels: 3 for RGB, 1 for grey.
        size: height and width to crop, centred, and scale it to; None to leave it.

    Returns:
        uint8 (height, width, channels).

    Raises:
        UndecodableError: it is no picture of FORMATS, its values would be clipped, as those of a
            grey one of 16 bits, or it is damaged or cut short.
    """
    picture = _opened(content)
    with _explained():
        upright = _upright(picture).convert("L" if channels == 1 else "RGB")
    fitted = _fit(upright, size) if size else upright
    return np.asarray(fitted).reshape(fitted.height, fitted.width, channels)


def _upright(picture: Image) -> Image:
    """Turn a picture as its camera noted.

    Pillow's `exif_transpose` also writes the metadata anew, which fails where they are damaged.
    """
    from PIL.Image import Transpose

    picture.load()  # turns a TIFF, and says so in its metadata
    how = _UPRIGHT.get(_orientation(picture))
    return picture.transpose(Transpose[how]) if how else picture


def _orientation(picture: Image) -> int:
    """What the camera noted; 1, upright, where that cannot be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # what is odd about the metadata is no matter, and shows in many ways
        return 1


def _fit(picture: Image, size: tuple[int, int]) -> Image:
    """Crop a picture to the form of (height, width), centred, and scale it; the same every time."""
    from PIL import Image, ImageOps

    return ImageOps.fit(picture, (size[1], size[0]), Image.Resampling.LANCZOS)


def _opened(content: bytes) -> Image:
    """Open a picture, its pixels not yet read.

    Raises:
        UndecodableError: it is none, or its values would be clipped.
    """
    from PIL import Image

    with _explained():
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    if picture.mode not in (*_GREY, *_COLOURED):
        raise UndecodableError(f"must have 8 bits a channel, got Pillow's mode {picture.mode}")
    return picture


@contextmanager
def _explained() -> Iterator[None]:
    """Say in a sentence what a parser finds wrong with a picture.

    Raises:
        UndecodableError: whatever was raised.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # As of odd metadata, which are no matter.
            warnings.simplefilter("ignore", UserWarning)
            yield
    except MemoryError:
        raise  # which says nothing of the picture: its size was looked at before
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise UndecodableError(f"must be a picture in one of the formats {known}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UndecodableError(f"is too large a picture ({error})") from None
    except Exception as error:  # each of the parsers of what comes from outside has its own
        reason = str(error) or type(error).__name__
        raise UndecodableError(f"must be a whole picture, got '{reason}'") from error
