"""nginx with the configuration of docs/security.md in front of a server."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.postgres import free_port
from tests.service.certificates import Authority
from tests.service.documented import documented
from tests.waiting import wait_for

MISSING = "nginx is not installed here (Debian: nginx-light)"
LIMIT = 64 * 2**20  # bytes that it takes in one request
_AROUND = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


def find_nginx() -> str | None:
    """The program, which Debian keeps off the users' PATH; None without one."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


class Nginx:
    """One proxy; it answers to `localhost` with the authority's certificate."""

    def __init__(self, program: str, folder: Path, port_behind: int, authority: Authority) -> None:
        self.port = free_port()
        self.address = f"https://localhost:{self.port}"
        self.authority = authority
        named = {
            "443": str(self.port),
            "server_name mlflow.example": "server_name localhost",
            "/etc/studyhall/mlflow.crt": str(authority.signed.certificate),
            "/etc/studyhall/mlflow.key": str(authority.signed.key),
            "127.0.0.1:5000": f"127.0.0.1:{port_behind}",
        }
        user = "user root;" if os.geteuid() == 0 else ""
        site = documented("nginx", named)
        file = folder / "nginx.conf"
        file.write_text(_AROUND.format(folder=folder, user=user, site=site), encoding="utf-8")
        self.process = subprocess.Popen([program, "-p", str(folder), "-c", str(file)])
        self._wait(folder / "error.log")

    def stop(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()

    def _wait(self, log: Path) -> None:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))

        def answers() -> bool:
            assert self.process.poll() is None, log.read_text()
            with suppress(OSError):
                urllib.request.urlopen(f"{self.address}/health", context=context).close()
                return True
            return False

        wait_for(answers)
