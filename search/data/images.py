"""One image file: its header, its pixels, and its form for a classifier."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from studyhall.search.common.errors import UsageError
from studyhall.search.common.plain_files import unreadable
from studyhall.search.data.catalog import UndecodableError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 2**30  # more than the pixels that Pillow decodes at most take in any format
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
# Pillow's modes without colours, and those with colours of 8 bits.
_GREY = ("1", "L", "LA")
_COLOURED = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
WHITE = "#ffffff"
_ORIENTATION = 0x0112  # EXIF's tag
# By the tag's value, the member of Pillow's `Transpose` that turns an image upright.
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
    """The size and kind of an image, once it is upright.

    Attributes:
        height: in pixels.
        width: in pixels.
        grey: whether it has no colours, nor a coloured background.
    """

    height: int
    width: int
    grey: bool

    @property
    def size(self) -> str:
        """Its height and width, in the form of error messages."""
        return f"{self.height} x {self.width}"


def read_file(path: Path) -> bytes:
    """Return the content of an image's file.

    Raises:
        UndecodableError: it is no plain file, or too large to be an image of Pillow's limit.
        OSError: there is no such file, or it cannot be read.
    """
    if problem := unreadable(path, MOST_BYTES):
        raise UndecodableError(problem)
    return path.read_bytes()


def header(content: bytes, background: str = WHITE) -> Header:
    """Read the header of an image from its file's content, without the pixels.

    Args:
        content: the image's file.
        background: the colour behind it if it is transparent, as "#rrggbb" or a name.

    Raises:
        UndecodableError: it is not an image of FORMATS, or its values would be clipped.
    """
    from PIL import ImageColor

    image = _opened(content)
    sides = image.size
    if image.format != "TIFF" and _orientation(image) in _SIDEWAYS:
        sides = sides[::-1]  # for TIFF, Pillow itself does this
    grey = image.mode in _GREY
    if grey and image.has_transparency_data:
        grey = len(set(ImageColor.getrgb(background))) == 1
    return Header(sides[1], sides[0], grey)


def pixels(
    content: bytes,
    channels: int,
    size: tuple[int, int] | None = None,
    background: str = WHITE,
) -> npt.NDArray[np.uint8]:
    """Decode an image and turn it upright by its EXIF orientation.

    A transparent image is laid on the background, because its transparent pixels have colours that
    nobody has seen. Of an animated image the first frame is decoded. Of 16-bit colours the upper 8
    bits are kept.

    Args:
        content: the image's file.
        channels: 3 for RGB, 1 for grey.
        size: height and width to crop it to, centred, and scale it to; None keeps its size.
        background: the colour behind it if it is transparent, as "#rrggbb" or a name.

    Returns:
        uint8 (height, width, channels).

    Raises:
        UndecodableError: it is not an image of FORMATS, it is damaged or cut short, or its values
            would be clipped, as those of a 16-bit grey image.
    """
    from PIL import Image, ImageOps

    image = _opened(content)
    with _explained():
        upright = _opaque(_upright(image), background).convert("L" if channels == 1 else "RGB")
    fitted = upright
    if size:
        fitted = ImageOps.fit(upright, (size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(fitted.height, fitted.width, channels)


def read_image(
    path: Path,
    example_shape: tuple[int, ...],
    *,
    light_on_dark: bool = True,
    background: str = WHITE,
) -> npt.NDArray[np.uint8]:
    """Read an image file of any size and give it the form of a data set's images.

    It is turned upright, laid on the background, cropped to a centred square, scaled, and made RGB
    or grey, as the images of the user's data are. A grey image with a bright border is inverted:
    people write digits dark on light, and MNIST's are light on dark.

    Args:
        path: The image's file.
        example_shape: (height, width, channels) with three channels or one.
        light_on_dark: Whether the data set's grey images are; if not, no image is inverted.
        background: The colour behind a transparent image, as "#rrggbb" or a name.

    Returns:
        uint8 of that shape.

    Raises:
        UsageError: there is no such file, it is not an image, or the data set has no images.
    """
    if len(example_shape) != 3:
        raise UsageError(
            f"{path}: must be classified by a study of images, "
            f"but this study's data are points; name another study"
        )
    height, width, channels = example_shape
    try:
        found = pixels(read_file(path), channels, (height, width), background)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such image") from None
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path}: must be readable, got '{reason}'; name another") from None
    except UndecodableError as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}; name another") from error
    if channels == 1 and light_on_dark:
        border = np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]])
        return 255 - found if np.median(border) > 127 else found
    return found


def _opaque(image: Image, background: str) -> Image:
    """Lay an image on a background if it has transparent pixels."""
    from PIL import Image as Pillow

    if not image.has_transparency_data:
        return image
    ground = Pillow.new("RGBA", image.size, background)
    return Pillow.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _upright(image: Image) -> Image:
    """Turn an image upright by its EXIF orientation.

    Pillow's `exif_transpose` also rewrites the metadata, which fails if these are damaged.
    """
    from PIL.Image import Transpose

    image.load()  # for TIFF this turns the image and resets the tag
    how = _UPRIGHT.get(_orientation(image))
    return image.transpose(Transpose[how]) if how else image


def _orientation(image: Image) -> int:
    """Return the EXIF orientation; 1, upright, if it cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata raise many kinds of errors, and the pixels may be sound
        return 1


def _opened(content: bytes) -> Image:
    """Open an image without reading its pixels.

    Raises:
        UndecodableError: it is not an image of FORMATS, or its values would be clipped.
    """
    from PIL import Image

    with _explained():
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    if image.mode not in (*_GREY, *_COLOURED):
        raise UndecodableError(f"must have 8 bits per channel, got Pillow's mode {image.mode}")
    return image


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the errors of Pillow's decoders into sentences.

    Raises:
        UndecodableError: the block raised an error about the image.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # Such as about damaged metadata, which do not matter here.
            warnings.simplefilter("ignore", UserWarning)
            yield
    except MemoryError:
        raise  # the image's size was checked before, so the image is not the cause
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise UndecodableError(f"must be an image in one of the formats {known}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UndecodableError(f"is too large an image ({error})") from None
    except Exception as error:  # each decoder has its own kinds of errors for damaged files
        reason = str(error) or type(error).__name__
        raise UndecodableError(f"must be a whole image, got '{reason}'") from error
