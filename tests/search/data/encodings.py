"""Image files of every mode and format, each with the pixels that a person sees in it.

The pixels are those that were put in, or are read by Pillow alone; alpha is laid on by NumPy.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tests.search.data.own_sets import random_pixels

HEIGHT, WIDTH = 6, 8
ORIENTATION = 0x0112  # EXIF's tag
# What a file holds, and the pixels that must be read: uint8 (height, width) or (height, width, 3).
Encoded = tuple[bytes, np.ndarray]
Encoding = Callable[[np.random.Generator], Encoded]
WHITE = (255, 255, 255)


def content(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def laid_on(colours: np.ndarray, alpha: np.ndarray, ground: tuple[int, ...] = WHITE) -> np.ndarray:
    """Lay colours (height, width, 3) with alpha (height, width) on a ground."""
    share = alpha[..., None] / 255
    return np.round(colours * share + np.array(ground) * (1 - share)).astype(np.uint8)


def plain(kind: str, *channels: int, **options: Any) -> Encoding:
    def encode(generator: np.random.Generator) -> Encoded:
        pixels = random_pixels(generator, HEIGHT, WIDTH, *channels)
        return content(Image.fromarray(pixels), kind, **options), pixels

    return encode


def lossy(kind: str, mode: str, **options: Any) -> Encoding:
    def encode(generator: np.random.Generator) -> Encoded:
        image = Image.fromarray(random_pixels(generator, HEIGHT, WIDTH, 3)).convert(mode)
        written = content(image, kind, **options)
        read = Image.open(io.BytesIO(written))
        return written, np.asarray(read if mode == "L" else read.convert("RGB"))

    return encode


def alpha(kind: str, **options: Any) -> Encoding:
    def encode(generator: np.random.Generator) -> Encoded:
        pixels = random_pixels(generator, HEIGHT, WIDTH, 4)
        written = content(Image.fromarray(pixels), kind, **options)
        return written, laid_on(pixels[..., :3], pixels[..., 3])

    return encode


def grey_alpha(generator: np.random.Generator) -> Encoded:
    pixels = random_pixels(generator, HEIGHT, WIDTH, 2)
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    return content(Image.fromarray(pixels, "LA"), "PNG"), laid_on(grey, pixels[..., 1])[..., 0]


def black_icon(generator: np.random.Generator) -> Encoded:
    """Transparent but for its shape, whose colour is that of the transparent pixels."""
    shown = generator.integers(0, 2, (HEIGHT, WIDTH)).astype(bool)
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[..., 3] = 255 * shown
    seen = np.repeat(np.where(shown, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    return content(Image.fromarray(pixels), "PNG"), seen


def key(*channels: int) -> Encoding:
    """One colour is transparent, as PNG's tRNS says."""

    def encode(generator: np.random.Generator) -> Encoded:
        pixels = random_pixels(generator, HEIGHT, WIDTH, *channels)
        first = pixels[0, 0]
        colour = tuple(first.tolist()) if channels else int(first)
        written = content(Image.fromarray(pixels), "PNG", transparency=colour)
        keyed = (pixels == first).all(axis=-1) if channels else pixels == first
        return written, np.where(keyed[..., None] if channels else keyed, 255, pixels).astype("u1")

    return encode


def palette(kind: str, transparency: str = "") -> Encoding:
    def encode(generator: np.random.Generator) -> Encoded:
        indices, colours = random_pixels(generator, HEIGHT, WIDTH), random_pixels(generator, 256, 3)
        image = Image.frombytes("P", (WIDTH, HEIGHT), indices.tobytes())
        image.putpalette(colours.tobytes())
        seen = colours[indices]
        if not transparency:
            return content(image, kind), seen
        opacity = np.full(256, 255, np.uint8)
        if transparency == "one":
            opacity[indices[0, 0]] = 0
            written = content(image, kind, transparency=int(indices[0, 0]))
        else:
            opacity = random_pixels(generator, 256)
            written = content(image, kind, transparency=opacity.tobytes())
        return written, laid_on(seen, opacity[indices])

    return encode


def two_levels(kind: str) -> Encoding:
    def encode(generator: np.random.Generator) -> Encoded:
        pixels = generator.integers(0, 2, (HEIGHT, WIDTH)).astype(bool)
        return content(Image.fromarray(pixels), kind), (255 * pixels).astype(np.uint8)

    return encode


def turned(kind: str, noted: int, **options: Any) -> Encoding:
    """A camera wrote the pixels as it was held, and noted how that was."""
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        2: lambda seen: seen[:, ::-1],
        3: lambda seen: seen[::-1, ::-1],
        4: lambda seen: seen[::-1],
        5: lambda seen: seen.swapaxes(0, 1),
        6: lambda seen: np.rot90(seen, -1),
        7: lambda seen: np.rot90(seen.swapaxes(0, 1), 2),
        8: lambda seen: np.rot90(seen),
    }

    def encode(generator: np.random.Generator) -> Encoded:
        exif = Image.Exif()
        exif[ORIENTATION] = noted
        sides = (WIDTH, HEIGHT) if noted > 4 else (HEIGHT, WIDTH)
        image = Image.fromarray(random_pixels(generator, *sides, 3))
        written = content(image, kind, exif=exif, **options)
        return written, undo[noted](np.asarray(Image.open(io.BytesIO(written)).convert("RGB")))

    return encode


def animated(kind: str, **options: Any) -> Encoding:
    def encode(generator: np.random.Generator) -> Encoded:
        frames = [
            Image.fromarray(random_pixels(generator, HEIGHT, WIDTH, 3)).quantize(16)
            for _ in range(3)
        ]
        seen = np.asarray(frames[0].convert("RGB"))
        later = {"save_all": True, "append_images": frames[1:]}
        first = frames[0] if kind == "GIF" else frames[0].convert("RGB")
        return content(first, kind, **later, **options), seen

    return encode


ENCODINGS: dict[str, Encoding] = {
    "grey.png": plain("PNG"),
    "rgb.png": plain("PNG", 3),
    "rgba.png": alpha("PNG"),
    "la.png": grey_alpha,
    "icon.png": black_icon,
    "grey_key.png": key(),
    "rgb_key.png": key(3),
    "palette.png": palette("PNG"),
    "palette_one.png": palette("PNG", "one"),
    "palette_all.png": palette("PNG", "all"),
    "two_levels.png": two_levels("PNG"),
    "grey.jpg": lossy("JPEG", "L"),
    "rgb.jpg": lossy("JPEG", "RGB"),
    "cmyk.jpg": lossy("JPEG", "CMYK"),
    "progressive.jpeg": lossy("JPEG", "RGB", progressive=True),
    **{f"turned_{n}.jpg": turned("JPEG", n, quality=95) for n in range(2, 9)},
    "turned_6.png": turned("PNG", 6),
    "turned_6.webp": turned("WEBP", 6, lossless=True),
    "grey.gif": plain("GIF"),
    "palette.gif": palette("GIF"),
    "palette_one.gif": palette("GIF", "one"),
    "animated.gif": animated("GIF"),
    "grey.bmp": plain("BMP"),
    "rgb.bmp": plain("BMP", 3),
    "palette.bmp": palette("BMP"),
    "two_levels.bmp": two_levels("BMP"),
    "rgb.webp": plain("WEBP", 3, lossless=True),
    "lossy.webp": lossy("WEBP", "RGB"),
    "rgba.webp": alpha("WEBP", lossless=True, exact=True),
    "animated.webp": animated("WEBP", lossless=True),
    "grey.tif": plain("TIFF"),
    "rgb.tiff": plain("TIFF", 3, compression="tiff_lzw"),
    "rgba.tif": alpha("TIFF"),
    "cmyk.tif": lossy("TIFF", "CMYK"),
    "two_levels.tif": two_levels("TIFF"),
    "grey.pgm": plain("PPM"),
    "rgb.ppm": plain("PPM", 3),
    "two_levels.pbm": two_levels("PPM"),
}
