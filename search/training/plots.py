"""Plots and image sheets of data, a trial or an evaluation, drawn from plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.common.pictures import decorative

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from studyhall.model import EpochRecord, RawArray

DOTS_PER_INCH = 80
TILES = 256
TILE_SIDES = range(4, 97)  # image sides with which a sheet of tiles is readable
SAMPLE_SIDE = 160  # pixels of a sample image, about as many as its cell on the page
SAMPLES = 5  # rows and columns of sample images
CONFUSION_SIDE = 5.5  # the least inches of a confusion matrix
CONFUSION_CELL = 0.14  # the least inches of a class, at which its name is still readable
COUNT_POINTS = 8
GRID = 200  # probabilities along each side of a decision boundary's plot


@decorative
def learning_curve(
    path: Path, epochs: Sequence[EpochRecord], losses: NDArray[np.float32], title: str
) -> None:
    """Draw the training loss of every iteration beside the accuracies of every epoch."""
    figure = _figure(width=9, height=3.2)
    left, right = figure.subplots(1, 2)
    left.plot(
        np.arange(1, len(losses) + 1), losses, linewidth=0.6, label="training, each iteration"
    )
    steps = [epoch.iteration for epoch in epochs]
    left.plot(steps, [e.validation_loss for e in epochs], marker=".", label="validation")
    right.plot(steps, [e.training_accuracy for e in epochs], marker=".", label="training")
    right.plot(steps, [e.validation_accuracy for e in epochs], marker=".", label="validation")
    _label(left, title, "iteration", "loss")
    _label(right, title, "iteration", "accuracy")
    # Fixed margins: a layout engine would draw everything twice, for each trial.
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.16, top=0.9)
    _save(figure, path)


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    axes.legend()


def fits_tiles(example_shape: tuple[int, ...]) -> bool:
    """Whether examples are images of a size that `first_layer_tiles` can draw."""
    return len(example_shape) == 3 and all(side in TILE_SIDES for side in example_shape[:2])


@decorative
def first_layer_tiles(
    path: Path, weight: NDArray[np.floating[Any]], example_shape: tuple[int, ...]
) -> None:
    """Draw the weights of hidden units as images, in a square grid.

    Only the first units of a wide layer are drawn: noise hardly compresses, and an image of all
    would be larger than the file of weights.

    Args:
        path: The PNG file to write.
        weight: First-layer weights (height * width * channels, units).
        example_shape: (height, width, channels) with three channels or one.
    """
    from PIL import Image  # a worker draws only when a trial ends

    height, width, channels = example_shape
    units = weight[:, :TILES].T.reshape(-1, height, width, channels)
    low = units.min(axis=(1, 2, 3), keepdims=True)
    span = np.maximum(units.max(axis=(1, 2, 3), keepdims=True) - low, np.finfo(np.float32).tiny)
    tiles = ((units - low) / span * 255).astype(np.uint8)
    columns = int(np.ceil(np.sqrt(len(tiles))))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows, height + 1, columns, width + 1, channels), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        sheet[row, :height, column, :width] = tile
    pixels = sheet.reshape(rows * (height + 1), -1, channels)
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)


@decorative
def titled_images(path: Path, images: NDArray[np.uint8], titles: Sequence[str]) -> None:
    """Draw images in a square, each under its title.

    Args:
        path: The PNG file to write.
        images: uint8 (N, height, width, channels) with three channels or one; 25 are drawn at most.
        titles: N of them.
    """
    figure = _figure(width=1.3 * SAMPLES, height=1.5 * SAMPLES)
    cells = figure.subplots(SAMPLES, SAMPLES).ravel()
    for cell in cells:
        cell.set_axis_off()
    for cell, image, title in zip(cells, images[: SAMPLES**2], titles, strict=False):
        # As RGB even if it is grey: a colour map would round the shades.
        step = -(-max(image.shape[:2]) // SAMPLE_SIDE)
        seen = image[::step, ::step]
        cell.imshow(np.broadcast_to(seen, (*seen.shape[:2], 3)))
        cell.set_title(title, fontsize=8)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.95, hspace=0.3)
    _save(figure, path)


@decorative
def decision_boundary(
    path: Path,
    classify: Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]],
    points: RawArray,
    labels: NDArray[np.integer[Any]],
) -> None:
    """Draw a classifier's probability of class 1 around points of two classes, and the points.

    Args:
        path: The PNG file to write.
        classify: From raw points float32 (N, 2) to the probability of each class (N, classes).
        points: (N, 2), at least one.
        labels: (N,), 0 or 1.
    """
    plane = _plane_around(points)
    # Rounding can carry a probability beyond 1, where the plot would have a hole.
    probability = np.clip(classify(plane.reshape(-1, 2))[:, 1], 0, 1).reshape(GRID, GRID)
    figure = _figure(width=6, height=5)
    axes = figure.subplots()
    filled = axes.contourf(
        plane[..., 0], plane[..., 1], probability, np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.7
    )
    figure.colorbar(filled, label="probability of class 1")
    for label, color in enumerate(("tab:blue", "tab:red")):
        x1, x2 = points[labels == label].T
        axes.scatter(
            x1, x2, s=24, color=color, edgecolors="white", linewidths=0.6, label=str(label)
        )
    _label(axes, "", "x1", "x2")
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.11, top=0.97)
    _save(figure, path)


def _plane_around(points: RawArray) -> NDArray[np.float32]:
    """Return a grid (GRID, GRID, 2) that reaches a tenth beyond the points on every side."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.1 * np.maximum(high - low, 1e-3)
    sides = np.linspace(low - margin, high + margin, GRID, dtype=np.float32)
    return np.stack(np.meshgrid(*sides.T), axis=-1)


@decorative
def confusion_picture(path: Path, matrix: NDArray[np.int64], classes: Sequence[str]) -> None:
    """Draw a confusion matrix (true class by row, predicted by column), with counts if they fit.

    The plot grows with the number of classes, so that all their names are readable.
    """
    side = max(CONFUSION_SIDE, len(classes) * CONFUSION_CELL)
    figure = _figure(width=side + 1.3, height=side + 1.2)
    axes = figure.subplots()
    axes.imshow(matrix, cmap="Blues", aspect="auto")
    letters, room = len(str(matrix.max())), side / len(classes) * 72  # points of a cell
    if room > 0.65 * COUNT_POINTS * letters and room > 1.5 * COUNT_POINTS:
        for (row, column), count in np.ndenumerate(matrix):
            color = "white" if count > matrix.max() / 2 else "black"
            axes.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                color=color,
                fontsize=COUNT_POINTS,
            )
    slanted: dict[str, Any] = {"rotation": 45, "ha": "right"} if room > 20 else {"rotation": 90}
    size = min(10.0, 0.9 * room)
    axes.set_xticks(range(len(classes)), classes, fontsize=size, **slanted)
    axes.set_yticks(range(len(classes)), classes, fontsize=size)
    axes.set(xlabel="predicted", ylabel="true")
    # The margins have the same inches however large the plot is.
    left, bottom = 1.12 / (side + 1.3), 1.05 / (side + 1.2)
    figure.subplots_adjust(
        left=left, right=left + side / (side + 1.3), bottom=bottom, top=bottom + side / (side + 1.2)
    )
    _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    # Figure without pyplot: no global state, no display, and a second less to import.
    from matplotlib.figure import Figure  # a worker draws only when a trial ends

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path)
