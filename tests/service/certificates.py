"""Authorities and certificates for tests, made with the commands of docs/security.md."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.service.documented import PAGE


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """An authority in a folder of its own, which signs one certificate.

    Args:
        folder: Where its files go.
        name: Who the certificate is for, such as `DNS:mlflow.example`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True)
        for command in _commands():
            words = [word.replace("DNS:mlflow.example", name) for word in command]
            subprocess.run(words, cwd=folder, check=True, capture_output=True)
        self.certificate = folder / "ca.crt"
        self.signed = Certificate(folder / "mlflow.crt", folder / "mlflow.key")


def _commands() -> list[list[str]]:
    """The page's openssl commands, word by word."""
    found = re.findall(r"^ {4}(openssl (?:.*\\\n)*.*)$", PAGE.read_text("utf-8"), re.M)
    assert len(found) == 3
    return [shlex.split(command.replace("\\\n", " ")) for command in found]
