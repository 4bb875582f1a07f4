"""Single pictures of one's own: upright, of the modes that lose nothing, and damaged in any way."""

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
from studyhall.search.data.images import read_picture
from studyhall.search.data.own_pictures import header, pixels
from tests.search.data.own_sets import picture, random_pixels

ORIENTATION, WIDTH, RESOLUTION = 0x0112, 0x0100, 0x011A
# By what a camera notes, how it turned the picture that is upright without it; of flips and turns
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
def test_a_picture_is_upright_and_its_header_says_so(tmp_path: Path, kind: str, noted: int) -> None:
    upright = random_pixels(np.random.default_rng(1), 6, 8, 3)
    exif = Image.Exif()
    exif[ORIENTATION] = noted
    options = {"lossless": True} if kind == "WEBP" else {}
    turned = np.ascontiguousarray(TURNED[noted](upright))
    path = picture(tmp_path / f"x.{kind.lower()}", turned, exif=exif, **options)
    assert header(path.read_bytes()).size == "6 x 8"
    np.testing.assert_array_equal(pixels(path.read_bytes(), 3), upright)


def _noted_by_a_camera() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION], exif[WIDTH], exif[RESOLUTION] = 6, 8, 72.0
    buffer = io.BytesIO()
    colours = random_pixels(np.random.default_rng(1), 6, 8, 3)
    Image.fromarray(colours).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_what_is_damaged_of_the_metadata_is_no_matter(tmp_path: Path) -> None:
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
def test_what_would_be_clipped_is_not_classified(tmp_path: Path, depth: type) -> None:
    mode = {np.uint16: "I;16", np.int32: "I", np.float32: "F"}[depth]
    path = tmp_path / "deep.tiff"
    Image.fromarray(np.full((28, 28), 1000, depth)).save(path)
    with pytest.raises(UsageError) as caught:
        read_picture(path, (28, 28, 1))
    assert str(caught.value) == (
        f"{path}: must have 8 bits a channel, got Pillow's mode {mode}; name another"
    )


def test_of_colours_of_16_bits_the_upper_8_are_taken() -> None:
    wide = np.random.default_rng(1).integers(0, 2**16, (6, 8, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    head = struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    np.testing.assert_array_equal(pixels(content, 3), wide >> 8)


def test_what_is_no_fault_of_a_picture_is_not_said_to_be_one(monkeypatch) -> None:
    content = _noted_by_a_camera()

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("studyhall.search.data.own_pictures._upright", fail)
    with pytest.raises(MemoryError):
        pixels(content, 3)


def test_a_damaged_picture_is_not_classified(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(_noted_by_a_camera()[:-80])
    with pytest.raises(UsageError) as caught:
        read_picture(path, (28, 28, 1))
    assert str(caught.value).startswith(f"{path}: must be a whole picture, got '")
    with pytest.raises(UsageError) as caught:
        read_picture(tmp_path, (28, 28, 1))
    assert str(caught.value) == f"{tmp_path}: must be readable, got 'Is a directory'; name another"
