"""Small data sets of the user's: folders of images and .npz files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from studyhall.search.config.data_settings import DataSettings

CLASSES = ("cat", "dog", "eel")


def write_image(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Write an image, and the folder that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def random_pixels(generator: np.random.Generator, *shape: int) -> np.ndarray:
    return generator.integers(0, 256, shape, np.uint8)


def image_folder(
    place: Path,
    parts: Iterable[str] = (".",),
    each: int = 5,
    shape: tuple[int, ...] = (6, 8, 3),
    seed: int = 0,
) -> Path:
    """Write `each` images of every class in every part; "." is a folder without parts."""
    generator = np.random.default_rng(seed)
    for part in parts:
        for name in CLASSES:
            for number in range(each):
                pixels = random_pixels(generator, *shape)
                write_image(place / part / name / f"{number}.png", pixels)
    return place


def arrays(train: int = 15, test: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of a .npz file with both parts."""
    generator = np.random.default_rng(seed)
    return {
        "train_images": random_pixels(generator, train, 6, 8, 3),
        "train_labels": np.arange(train) % 3,
        "test_images": random_pixels(generator, test, 6, 8, 3),
        "test_labels": np.arange(test) % 3,
        "classes": np.array(CLASSES),
    }


def array_file(path: Path, content: dict[str, np.ndarray] | None = None) -> Path:
    np.savez(path, **(content or arrays()))  # type: ignore[arg-type]
    return path


def own(place: Path, **others: Any) -> DataSettings:
    """The `[data]` of a study of the user's data."""
    return DataSettings.model_validate({"name": "pets", "path": str(place), **others})
