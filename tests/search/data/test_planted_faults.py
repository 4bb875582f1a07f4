"""Faults planted at random, each found and named by its kind, index, class and file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from studyhall.search.data.datasets import Wanted, fetch
from studyhall.search.data.verification import Verification, verify
from tests.search.data.own_sets import CLASSES, array_file, arrays, image_folder, own

EACH = 5
# What was planted: kind, part, index, class and file; None where the fault does not tell.
Told = tuple[str, str | None, int | None, str | None, str | None]


@contextmanager
def restored(*paths: Path) -> Iterator[None]:
    """Put back what was, whatever is planted."""
    before = {path: path.read_bytes() if path.exists() else None for path in paths}
    yield
    for path, content in before.items():
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)


def told(found: Verification) -> list[Told]:
    """What a verification says of single examples and files."""
    return [
        (
            fault.kind,
            *(
                (fault.example.part, fault.example.index, fault.example.class_name)
                if fault.example
                else (None, None, None)
            ),
            fault.file,
        )
        for fault in found.faults
    ]


def _flip(path: Path, offset: int, generator: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= int(generator.integers(1, 256))
    path.write_bytes(content)


class Sets:
    """A folder, a .npz file and a published data set, all decoded, in a cache of their own."""

    def __init__(self, place: Path, mnist: Path, cache: Path) -> None:
        self.images = image_folder(place / "images", ("train", "test"), EACH)
        self.file = array_file(place / "pets.npz")
        self.content = arrays()
        self.wanted: list[Wanted] = [own(self.images), own(self.file, name="more"), "mnist"]
        shutil.copytree(mnist, cache / "mnist")
        self.folders = [fetch(wanted) for wanted in self.wanted]


Case = Callable[[Sets, np.random.Generator], list[bool]]


def cached(sets: Sets, generator: np.random.Generator, which: int, kind: str) -> list[bool]:
    """A byte of a decoded array."""
    wanted, folder = sets.wanted[which], sets.folders[which]
    split = str(generator.choice(["train", "test"]))
    path = folder / f"{split}_{kind}s.npy"
    labels = np.load(folder / f"{split}_labels.npy")
    index = int(generator.integers(len(labels)))
    size = np.load(path, mmap_mode="r")[0].nbytes
    header = path.stat().st_size - size * len(labels)
    classes = CLASSES if which < 2 else tuple(map(str, range(10)))
    with restored(path):
        if kind == "label":
            labels[index] = (labels[index] + generator.integers(1, len(classes))) % len(classes)
            _write(path, header + index, labels[index : index + 1].tobytes())
        else:
            _flip(path, header + index * size + int(generator.integers(size)), generator)
        found = verify(wanted)
    expected = (kind, split, index, classes[labels[index]], str(path))
    where = f"{path}: {kind}s must be those of {found.name}, got others in "
    return [
        told(found) == [expected],
        found.problems[0].startswith(where),
        f" at index {index} ({classes[labels[index]]}" in found.problems[0],
    ]


def _write(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def published_copy(sets: Sets, generator: np.random.Generator) -> list[bool]:
    """An image of MNIST's training part in the place of one of its test part."""
    path = sets.folders[2] / "test_images.npy"
    train = np.load(sets.folders[2] / "train_images.npy", mmap_mode="r")
    one, other = int(generator.integers(len(train))), int(generator.integers(10_000))
    size = train[0].nbytes
    with restored(path):
        _write(path, path.stat().st_size - size * (10_000 - other), train[one].tobytes())
        found = verify("mnist")
    copies = [{(e.part, e.index) for e in d.examples} for d in found.duplicates]
    return [
        [fault[:3] for fault in told(found)] == [("image", "test", other)],
        any({("train", one), ("test", other)} <= copy for copy in copies),
    ]


def _file(sets: Sets, generator: np.random.Generator, split: str) -> tuple[Path, int, str]:
    label, number = int(generator.integers(3)), int(generator.integers(EACH))
    path = sets.images / split / CLASSES[label] / f"{number}.png"
    return path, label * EACH + number, CLASSES[label]


def image_byte(sets: Sets, generator: np.random.Generator) -> list[bool]:
    """A byte of an image's file."""
    split = str(generator.choice(["train", "test"]))
    path, index, name = _file(sets, generator, split)
    with restored(path):
        _flip(path, int(generator.integers(path.stat().st_size)), generator)
        found = verify(sets.wanted[0])
    return [
        told(found) == [("file", split, index, name, str(path))],
        str(path) in found.problems[0],
    ]


def image_moved(sets: Sets, generator: np.random.Generator) -> list[bool]:
    """An image in the folder of another class."""
    split = str(generator.choice(["train", "test"]))
    path, index, name = _file(sets, generator, split)
    other = CLASSES[(CLASSES.index(name) + int(generator.integers(1, 3))) % 3]
    target = path.parent.parent / other / "moved.png"
    with restored(path, target):
        path.rename(target)
        found = verify(sets.wanted[0])
    return [
        sorted(told(found), key=str)
        == sorted(
            [
                ("file", split, index, name, str(path)),
                ("file", None, None, None, str(target)),
            ],
            key=str,
        ),
        {problem.partition(": ")[0] for problem in found.problems} == {str(path), str(target)},
    ]


def image_copied(sets: Sets, generator: np.random.Generator) -> list[bool]:
    """An image of the training part in the test part, beside what is there or in its place."""
    path, _, _ = _file(sets, generator, "train")
    target, replaced, its_class = _file(sets, generator, "test")
    beside = bool(generator.integers(2))
    target = target.with_name("copy.png") if beside else target
    with restored(target):
        shutil.copyfile(path, target)
        found = verify(sets.wanted[0])
    example = (None, None, None) if beside else ("test", replaced, its_class)
    return [told(found) == [("file", *example, str(target))], str(target) in found.problems[0]]


def file_byte(sets: Sets, generator: np.random.Generator) -> list[bool]:
    """Any byte of a .npz file."""
    with restored(sets.file):
        _flip(sets.file, int(generator.integers(sets.file.stat().st_size)), generator)
        found = verify(sets.wanted[1])
    return [
        bool(found.faults),
        {fault.file for fault in found.faults} == {str(sets.file)},
        all(str(sets.file) in problem for problem in found.problems),
    ]


def changed_array(sets: Sets, generator: np.random.Generator, kind: str) -> list[bool]:
    """A value in a .npz file that is whole: of an image or a label, or an image copied across."""
    content = {name: values.copy() for name, values in sets.content.items()}
    split = "test" if kind == "copy" else str(generator.choice(["train", "test"]))
    images, labels = content[f"{split}_images"], content[f"{split}_labels"]
    index = int(generator.integers(len(labels)))
    name = CLASSES[labels[index]]
    if kind == "label":
        labels[index] = (labels[index] + generator.integers(1, 3)) % 3
    elif kind == "copy":
        images[index] = content["train_images"][generator.integers(15)]
    else:
        images[index].reshape(-1)[generator.integers(144)] ^= 1
    with restored(sets.file):
        array_file(sets.file, content)
        found = verify(sets.wanted[1])
    where = f"{split} index {index} ({name}, {split}_images[{index}])"
    expected = ("label" if kind == "label" else "image", split, index, name, str(sets.file))
    return [told(found) == [expected], where in found.problems[0]]


CASES: list[Case] = [
    lambda s, g: cached(s, g, 0, "image"),
    lambda s, g: cached(s, g, 0, "label"),
    lambda s, g: cached(s, g, 1, "image"),
    lambda s, g: cached(s, g, 1, "label"),
    lambda s, g: cached(s, g, 2, str(g.choice(["image", "label"]))),
    published_copy,
    image_byte,
    image_moved,
    image_copied,
    file_byte,
    lambda s, g: changed_array(s, g, "image"),
    lambda s, g: changed_array(s, g, "label"),
    lambda s, g: changed_array(s, g, "copy"),
]


@pytest.mark.parametrize("faults", [len(CASES), pytest.param(100, marks=pytest.mark.long)])
def test_faults_of_every_kind_are_all_found_and_named(
    tmp_path: Path, mnist_cache: Path, cache: Path, faults: int
) -> None:
    sets, generator = Sets(tmp_path, mnist_cache, cache), np.random.default_rng(100)
    assert all(verify(wanted).intact for wanted in sets.wanted)
    others = generator.integers(len(CASES), size=faults - len(CASES))
    drawn = generator.permutation([*range(len(CASES)), *others])
    results = [(int(case), CASES[case](sets, generator)) for case in drawn]
    assert [one for one in results if not all(one[1])] == []
    assert len(results) == faults
    assert all(verify(wanted).intact for wanted in sets.wanted)
