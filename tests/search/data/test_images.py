"""Image files: upright, in a classifier's form, refused if values would be lost or are damaged."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studyhall.search.common.errors import UsageError
from studyhall.search.data.catalog import UndecodableError
from studyhall.search.data.images import header, pixels, read_image
from tests.search.data.own_sets import random_pixels, write_image

ORIENTATION, WIDTH, RESOLUTION = 0x0112, 0x0100, 0x011A
# By what a camera notes, how it turned the image that is upright without it; of flips and turns
# the ones that undo them.
TURNED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: np.rot90(upright.swapaxes(0, 1), 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("noted", TURNED)
def test_an_image_is_upright_and_its_header_says_so(tmp_path: Path, kind: str, noted: int) -> None:
    upright = random_pixels(np.random.default_rng(1), 6, 8, 3)
    exif = Image.Exif()
    exif[ORIENTATION] = noted
    options = {"lossless": True} if kind == "WEBP" else {}
    turned = np.ascontiguousarray(TURNED[noted](upright))
    path = write_image(tmp_path / f"x.{kind.lower()}", turned, exif=exif, **options)
    assert header(path.read_bytes()).size == "6 x 8"
    np.testing.assert_array_equal(pixels(path.read_bytes(), 3), upright)


def _noted_by_a_camera() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION], exif[WIDTH], exif[RESOLUTION] = 6, 8, 72.0
    buffer = io.BytesIO()
    colours = random_pixels(np.random.default_rng(1), 6, 8, 3)
    Image.fromarray(colours).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_damaged_metadata_do_not_matter(tmp_path: Path) -> None:
    content = _noted_by_a_camera()
    start = content.index(b"Exif\0\0") + 6
    end = start + int.from_bytes(content[start - 8 : start - 6]) - 8
    whole = pixels(content, 3)
    generator, sizes = np.random.default_rng(0), set()
    for _ in range(1500):
        damaged = bytearray(content)
        for where in generator.integers(start, end, 3):
            damaged[where] = generator.integers(256)
        found = pixels(bytes(damaged), 3)
        sizes.add(found.shape[:2])
        assert found.sum() == whole.sum()
        assert header(bytes(damaged)).size == f"{found.shape[0]} x {found.shape[1]}"
    assert sizes == {(6, 8), (8, 6)}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_any_damage_is_told_in_a_sentence(kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(random_pixels(np.random.default_rng(1), 6, 8, 3)).save(buffer, kind)
    content, generator, told = buffer.getvalue(), np.random.default_rng(2), list[str]()
    for _ in range(200):
        damaged = bytearray(content[: generator.integers(1, len(content) + 1)])
        for where in generator.integers(0, len(damaged), 2):
            damaged[where] = generator.integers(256)
        try:
            assert pixels(bytes(damaged), 3, (4, 4)).shape == (4, 4, 3)
        except UndecodableError as error:
            told.append(str(error).partition(" ")[0])
    assert len(told) > 20
    assert set(told) <= {"must", "is"}


@pytest.mark.parametrize("depth", [np.uint16, np.int32, np.float32])
def test_an_image_whose_values_would_be_clipped_is_not_classified(
    tmp_path: Path, depth: type
) -> None:
    mode = {np.uint16: "I;16", np.int32: "I", np.float32: "F"}[depth]
    path = tmp_path / "deep.tiff"
    Image.fromarray(np.full((28, 28), 1000, depth)).save(path)
    with pytest.raises(UsageError) as caught:
        read_image(path, (28, 28, 1))
    assert str(caught.value) == (
        f"{path}: must have 8 bits per channel, got Pillow's mode {mode}; name another"
    )


def test_the_upper_8_bits_of_16_bit_colours_are_kept() -> None:
    wide = np.random.default_rng(1).integers(0, 2**16, (6, 8, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    head = struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    np.testing.assert_array_equal(pixels(content, 3), wide >> 8)


def test_a_lack_of_memory_is_not_reported_as_a_fault_of_the_image(monkeypatch) -> None:
    content = _noted_by_a_camera()

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("studyhall.search.data.images._upright", fail)
    with pytest.raises(MemoryError):
        pixels(content, 3)


def test_a_damaged_image_is_not_classified(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(_noted_by_a_camera()[:-80])
    with pytest.raises(UsageError) as caught:
        read_image(path, (28, 28, 1))
    assert str(caught.value).startswith(f"{path}: must be a whole image, got '")
    with pytest.raises(UsageError) as caught:
        read_image(tmp_path, (28, 28, 1))
    assert str(caught.value) == f"{tmp_path}: must be a plain file, got a folder; name another"


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1"])
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1)])
def test_an_image_of_any_kind_takes_the_shape_of_the_images(
    tmp_path: Path, mode: str, shape: tuple[int, ...]
) -> None:
    Image.new("RGB", (60, 40), "white").convert(mode).save(tmp_path / "image.png")
    image = read_image(tmp_path / "image.png", shape)
    assert image.shape == shape
    assert image.dtype == np.uint8
    paper = 255 if shape[2] == 3 else 0  # grey images are made light on dark
    assert (image == paper).all()


def test_a_coloured_image_becomes_grey_by_its_brightness(tmp_path: Path) -> None:
    Image.new("RGB", (28, 28), (255, 0, 0)).save(tmp_path / "red.png")
    assert np.unique(read_image(tmp_path / "red.png", (28, 28, 1))).tolist() == [76]
    assert read_image(tmp_path / "red.png", (28, 28, 3))[0, 0].tolist() == [255, 0, 0]


def test_a_grey_image_of_the_right_size_stays_as_it_is(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png", (28, 28, 1))[..., 0], grey)


def test_a_study_of_points_takes_no_images(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(UsageError) as caught:
        read_image(path, (2,))
    assert str(caught.value) == (
        f"{path}: must be classified by a study of images, but this study's data are points; "
        "name another study"
    )
