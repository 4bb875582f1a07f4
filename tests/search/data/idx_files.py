"""Data sets of MNIST's form with a few random images, and the IDX files that hold them."""

from __future__ import annotations

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.downloads import Package
from studyhall.search.data.mnist import MNIST, ORIGIN

_generator = np.random.default_rng(3)
IMAGES = {
    name: _generator.integers(0, 256, (rows, 28, 28), np.uint8)
    for name, rows in (("train", 12), ("t10k", 4))
}
LABELS = {
    name: _generator.integers(0, 10, len(images), np.uint8) for name, images in IMAGES.items()
}


def idx(values: np.ndarray, magic: int | None = None, sizes: tuple[int, ...] = ()) -> bytes:
    """An IDX file, which may have another magic number or claim other sizes."""
    magic, sizes = magic or 2048 + values.ndim, sizes or values.shape
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + values.tobytes()


def _sha256(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def small_info() -> DatasetInfo:
    """Describe twelve training and four test images."""
    batches = tuple(
        replace(
            batch,
            stop=len(IMAGES[batch.name]),
            images=_sha256(IMAGES[batch.name]),
            labels=_sha256(LABELS[batch.name]),
        )
        for batch in MNIST.batches
    )
    origin = replace(ORIGIN, package=Package("no-such-package-of-studyhall", "0.0.0"))
    return replace(MNIST, name="small", batches=batches, origin=origin)


def files(separator: str = "-", suffix: str = "") -> dict[str, bytes]:
    """The four files, gzipped if the suffix says so."""
    plain = {
        **{f"{name}-images{separator}idx3-ubyte": idx(IMAGES[name]) for name in IMAGES},
        **{f"{name}-labels{separator}idx1-ubyte": idx(LABELS[name]) for name in LABELS},
    }
    if not suffix:
        return plain
    return {f"{name}{suffix}": gzip.compress(content) for name, content in plain.items()}


def folder(path: Path, contents: dict[str, bytes]) -> Path:
    """A new folder of files."""
    path.mkdir(parents=True)
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return path
