"""A real PostgreSQL server for tests: its own folder, port and user, gone when they end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

USER, PASSWORD = "studyhall", "p@ss/wo:rd"
IN_ADDRESS = "p%40ss%2Fwo%3Ard"  # the password as an address spells it
# Without fsync a commit is still there after a SIGKILL of the server, which is all that tests do.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "logging_collector": "off",
}


def find_binaries() -> Path | None:
    """The folder of the server's programs, which Debian keeps off the PATH; None without one."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def free_port() -> int:
    """A port of this machine that no one listens at."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


class Server:
    """One server. It asks for a password, as servers on a network do."""

    def __init__(self, binaries: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="studyhall-postgres-"))
        self.port = free_port()
        self._binaries = binaries
        self._names = count(1)
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:  # the server refuses to run as root
            for path in (self.folder, password):
                shutil.chown(path, "postgres")
        self._run(
            "initdb",
            *("--pgdata", str(self._data), "--username", USER, "--auth", "scram-sha-256"),
            *("--pwfile", str(password), "--no-sync", "--encoding", "UTF8", "--locale", "C"),
        )
        settings = {**_SETTINGS, "port": self.port, "unix_socket_directories": f"'{self.folder}'"}
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop it; clients are cut off."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        process = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, signal.SIGKILL)
        while Path(f"/proc/{process}").exists():
            time.sleep(0.01)

    def remove(self) -> None:
        """Stop it and delete what it kept."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))
        shutil.rmtree(self.folder)

    def new_database(self) -> str:
        """The address of a database that is empty."""
        name = f"fresh_{next(self._names)}"
        self.query(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, database: str, password: str = IN_ADDRESS) -> str:
        """How a user writes a database's address."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def query(self, statement: str, database: str = "postgres") -> str:
        """What the server answers, without headings."""
        client = [str(self._binaries / "psql"), "-h", "127.0.0.1", "-p", str(self.port)]
        done = subprocess.run(
            [*client, "-U", USER, "-d", database, "-Atc", statement],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> None:
        other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        command = [str(self._binaries / program), *arguments]
        subprocess.run(
            [*(other if os.geteuid() == 0 else []), *command],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,  # a server would keep a pipe open
            stderr=subprocess.DEVNULL,
            check=True,
        )
