"""Downloads: the authors' archive over HTTP, and an npm package with the npm client."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.common.errors import StudyhallError
from studyhall.search.common.progress import Progress
from studyhall.search.common.proxies import through_proxy
from studyhall.search.data.cache import require_space

if TYPE_CHECKING:
    import requests
    from requests import Response

# Seconds to connect, short so that another source is tried soon, and between two reads.
_TIMEOUTS = (10, 60)
_SILENT_SERVER = "the server does not answer in time"
_NPM_SECONDS = 1800
# With npm's own defaults a user without network would wait for more than a minute.
_NPM_RETRIES = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=4000")
_CHUNK = 1 << 20
_NPM_PROPERTIES = {"code", "errno", "syscall", "path"}


@dataclass(frozen=True)
class Archive:
    """The authors' archive: its file name, its address and the MD5 that they publish."""

    file_name: str
    address: str
    md5: str


@dataclass(frozen=True)
class Package:
    """An npm package that holds the same data. The npm client's settings choose the registry."""

    name: str
    version: str

    @property
    def file_name(self) -> str:
        """The name of the file that ``npm pack`` writes."""
        return f"{self.name}-{self.version}.tgz"


class UnavailableError(StudyhallError):
    """A source is unavailable; the message names it and the reason."""


def download(archive: Archive, folder: Path, progress: Progress) -> Path:
    """Download the authors' archive.

    Args:
        archive: its address and MD5.
        folder: where to put the file.
        progress: is told of every byte.

    Returns:
        The file, which has the authors' MD5.

    Raises:
        UnavailableError: no connection, an HTTP error, a body cut short, or another MD5.
        OSError: the disk refuses a write.
        UsageError: the disk has too little room.
    """
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    path, proxy = folder / archive.file_name, through_proxy(archive.address)
    try:
        with requests.get(archive.address, stream=True, timeout=_TIMEOUTS) as response:
            response.raise_for_status()
            found = _save(response, path, progress)
    except requests.RequestException as error:
        raise UnavailableError(f"{archive.address}: {_http_reason(error)}{proxy}") from error
    except ReadTimeoutError as error:
        raise UnavailableError(f"{archive.address}: {_SILENT_SERVER}{proxy}") from error
    except HTTPError as error:
        raise UnavailableError(
            f"{archive.address}: the connection ended before the file did{proxy}"
        ) from error
    if found != archive.md5:
        raise UnavailableError(f"{archive.address}: its MD5 must be {archive.md5}, got {found}")
    return path


def _save(response: Response, path: Path, progress: Progress) -> str:
    """Write the body to a file; return its MD5."""
    size = int(response.headers.get("Content-Length", 0))
    require_space(path.parent, size)
    progress.start(f"Downloading {path.name}", size or None)
    md5 = hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        # Not decoded: some servers declare the archive's compression as a content encoding.
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            file.write(chunk)
            md5.update(chunk)
            progress.advance(len(chunk))
    return md5.hexdigest()


def _http_reason(error: requests.RequestException) -> str:
    """Return the root cause in a few words; the error's own text has names of internal objects."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return _SILENT_SERVER
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def npm_pack(package: Package, folder: Path, progress: Progress) -> Path:
    """Fetch a package with the npm client, as the user has configured it.

    Args:
        package: its name and version.
        folder: where npm runs and puts the package's file.
        progress: is told that the step begins; npm does not report bytes.

    Returns:
        The package's file; npm has checked its integrity.

    Raises:
        UnavailableError: npm is not installed, or fails.
    """
    name = f"npm package {package.name} {package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError(f"{name}: the npm client is not installed")
    progress.start(f"Fetching {name}", None)
    wanted, proxy = f"{package.name}@{package.version}", through_proxy("https://npm")
    command = [npm, "pack", wanted, "--ignore-scripts", "--loglevel=error", *_NPM_RETRIES]
    try:
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=_NPM_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        late = f"npm did not finish in {_NPM_SECONDS} seconds"
        raise UnavailableError(f"{name}: {late}{proxy}") from error
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"{name}: npm fails, {_npm_reason(error.stderr)}{proxy}") from error
    return folder / package.file_name


def _npm_reason(stderr: str) -> str:
    """Return the error code and the first sentence of npm's stderr, which has much more."""
    lines = [
        line.removeprefix("npm error").strip()
        for line in stderr.splitlines()
        if line.startswith("npm error")
    ]
    code = next((line for line in lines if line.startswith("code ")), "")
    reason = next(
        (line for line in lines if line and line.partition(" ")[0] not in _NPM_PROPERTIES), ""
    )
    return ": ".join(part for part in (code, reason) if part) or "and does not say why"
