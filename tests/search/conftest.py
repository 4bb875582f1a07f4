"""A small data set of CIFAR-10's form, in every form that its sources have; and a stored trial."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studyhall.search.data.catalog import DatasetInfo
from studyhall.search.data.cifar10 import CIFAR10, ORIGIN
from studyhall.search.data.datasets import fetch
from studyhall.search.data.downloads import Archive, Package
from studyhall.search.data.published import Published
from studyhall.search.sync.outbox import Outbox
from studyhall.search.tracking.tracker import Tracker
from tests.mlflow_database import sqlite
from tests.search.small_trials import store_trial
from tests.search.tracked import open_tracker

ROWS = 20


def _number(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def _string(value: bytes) -> bytes:
    return b"U" + bytes([len(value)]) + value


def _png(images: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(images.reshape(len(images), -1, 3)).save(buffer, "PNG")
    return buffer.getvalue()


class Tiny:
    """Six batches of random images, and the description that they agree with."""

    def __init__(self) -> None:
        generator = np.random.default_rng(7)
        self.images = generator.integers(0, 256, (6, ROWS, 32, 32, 3), np.uint8)
        self.labels = generator.integers(0, 10, (6, ROWS), np.uint8)
        starts = [0, 20, 40, 60, 80, 0]
        batches = tuple(
            replace(
                batch,
                start=starts[index],
                stop=starts[index] + ROWS,
                images=hashlib.sha256(self.images[index].tobytes()).hexdigest(),
                labels=hashlib.sha256(self.labels[index].tobytes()).hexdigest(),
            )
            for index, batch in enumerate(CIFAR10.batches)
        )
        self.origin: Published = replace(
            ORIGIN,
            archive=Archive("tiny.tar.gz", "http://127.0.0.1:9/tiny.tar.gz", "0" * 32),
            package=Package("no-such-package-of-studyhall", "0.0.0"),
        )
        self.info: DatasetInfo = replace(
            CIFAR10,
            name="tiny",
            batches=batches,
            origin=self.origin,
        )

    @property
    def authors_files(self) -> dict[str, bytes]:
        return {
            batch.name: self.pickle(images, labels.tolist())
            for batch, images, labels in zip(
                self.info.batches, self.images, self.labels, strict=True
            )
        }

    @property
    def package_files(self) -> dict[str, bytes]:
        files = {
            f"{batch.name}.png": _png(images)
            for batch, images in zip(self.info.batches, self.images, strict=True)
        }
        files["train_lables.json"] = json.dumps(self.labels[:5].ravel().tolist()).encode()
        files["test_lables.json"] = json.dumps(self.labels[5].tolist()).encode()
        return files

    @staticmethod
    def pickle(images: np.ndarray, labels: list[int]) -> bytes:
        """A batch as Python 2 wrote it, opcode by opcode: protocol 2, byte strings, numpy.core."""
        planes = images.reshape(len(images), -1, 3).transpose(0, 2, 1).tobytes()
        array = (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + _string(b"b")
            + b"tR(K\x01" + _number(len(images)) + _number(images[0].size) + b"\x86"
            + b"cnumpy\ndtype\n" + _string(b"u1") + b"K\x00K\x01\x87R(K\x03" + _string(b"|")
            + b"NNN" + _number(-1) * 2 + b"K\x00tb"
            + b"\x89T" + struct.pack("<i", len(planes)) + planes + b"tb"
        )  # fmt: skip
        return (
            b"\x80\x02}(" + _string(b"batch_label") + _string(b"training batch 1 of 5")
            + _string(b"labels") + b"](" + b"".join(map(_number, labels)) + b"e"
            + _string(b"data") + array + b"u."
        )  # fmt: skip

    @staticmethod
    def png(images: np.ndarray) -> bytes:
        """Images as the npm package holds them, a row each."""
        return _png(images)

    @staticmethod
    def tar(path: Path, files: dict[str, bytes], folder: str = "package") -> Path:
        """A .tar.gz of files in one folder."""
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"{folder}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    @staticmethod
    def folder(path: Path, files: dict[str, bytes]) -> Path:
        """A folder of files."""
        path.mkdir(parents=True)
        for name, content in files.items():
            (path / name).write_bytes(content)
        return path

    def authors_archive(self, path: Path) -> Path:
        """The authors' archive of this data set."""
        return self.tar(path, self.authors_files, "cifar-10-batches-py")

    def served_from(self, address: str, archive: Path | None = None) -> DatasetInfo:
        """The description with the authors' archive at an address of the test's own.

        Its MD5 is that of `archive`; without one, no archive's.
        """
        md5 = hashlib.md5(archive.read_bytes()).hexdigest() if archive else "0" * 32
        origin = replace(self.origin, archive=Archive("tiny.tar.gz", address, md5))
        return replace(self.info, origin=origin)


class Steps:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None]] = []
        self.notes: list[str] = []
        self.bytes = 0

    def start(self, description: str, total: int | None) -> None:
        self.steps.append((description, total))
        self.bytes = 0

    def advance(self, amount: int) -> None:
        self.bytes += amount

    def note(self, message: str) -> None:
        self.notes.append(message)


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def _serving(answer: Answer) -> Iterator[str]:
    """A web server on the loopback that gives one answer; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/archive.tar.gz"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    return Tiny()


@pytest.fixture
def serving() -> Callable[[Answer], AbstractContextManager[str]]:
    return _serving


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of the test's own, and no data named in the environment."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("STUDYHALL_CACHE", str(folder))
    monkeypatch.delenv("STUDYHALL_DATA", raising=False)
    return folder


@pytest.fixture
def folder(tiny: Tiny, cache: Path, tmp_path: Path) -> Path:
    """The small data set, in a cache of the test's own."""
    return fetch(tiny.info, data_dir=tiny.authors_archive(tmp_path / "archive.tar.gz"))


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return sqlite(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def tracker(
    uri: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Tracker:
    monkeypatch.chdir(tmp_path)  # MLflow puts the artifacts below the working folder
    return open_tracker(uri, request.node.name.replace("'", ""))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Outbox:
    """A outbox with the record of trial 7; not to be changed."""
    outbox = Outbox(tmp_path_factory.mktemp("stored"))
    store_trial(outbox, 7)
    return outbox
