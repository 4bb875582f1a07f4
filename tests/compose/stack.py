"""The service of docker-compose.yml as it is, under a name, ports and passwords of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server import free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
PASSWORDS = (
    *("POSTGRES_PASSWORD", "STUDYHALL_DATABASE_PASSWORD", "MLFLOW_DATABASE_PASSWORD"),
    *("S3_ACCESS_KEY", "S3_SECRET_KEY"),
)
PORTS = ("MLFLOW_PORT", "POSTGRES_PORT", "SCHEDULER_PORT", "DASK_DASHBOARD_PORT")
STUDY = """\
[study]
name = "moons"
trials = 6
window = 3

[data]
name = "two_moons"
train = 200
validation = 200

[network]
hidden = ["hidden_size"]

[training]
epochs = 3

[search_space]
hidden_size = { type = "int", low = 4, high = 30, log = true }
learning_rate = { type = "float", low = 1e-3, high = 1e-1, log = true }
"""


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Call docker; what it wrote is told if it failed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{words}: {done.stdout}{done.stderr}"
    return done


def engine_answers() -> bool:
    """Whether there is a Docker engine here, and Compose."""
    try:
        return all(
            docker(*words, check=False).returncode == 0
            for words in (["version"], ["compose", "version"])
        )
    except FileNotFoundError:
        return False


def new_settings() -> dict[str, str]:
    """Settings without which nothing starts, and free ports."""
    # Characters that an address, a shell or a Compose file would have to escape.
    awkward = {name: f"{secrets.token_hex(8)}@/:%41#'" for name in PASSWORDS[:3]}
    keys = {name: secrets.token_hex(12) for name in PASSWORDS[3:]}
    return {**awkward, **keys, **{name: str(free_port()) for name in PORTS}}


@dataclass(frozen=True)
class Stack:
    """One service, its settings in a folder that also has the study files."""

    folder: Path
    settings: dict[str, str]
    project: str

    @property
    def passwords(self) -> dict[str, str]:
        """The secrets by name; the store's key is a name, as it were, and no secret."""
        return {name: self.settings[name] for name in PASSWORDS if name != "S3_ACCESS_KEY"}

    def write(self) -> None:
        """Write the settings, and the folder of studies for all to read."""
        quoted = (f'{name}="{value}"\n' for name, value in self.settings.items())
        (self.folder / ".env").write_text("".join(quoted))
        studies = self.folder / "studies"
        studies.mkdir(exist_ok=True)
        (studies / "moons.toml").write_text(STUDY)
        studies.chmod(0o755)

    def compose(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Call `docker compose` for this service."""
        return docker(
            *("compose", "--file", str(COMPOSE_FILE), "--env-file", str(self.folder / ".env")),
            *("--project-name", self.project, "--project-directory", str(ROOT)),
            *words,
            check=check,
        )

    def typed(self, text: str, **environment: str) -> None:
        """Type commands as docs/compose.md has them, in a shell that stops where one fails."""
        # What a shell exports comes before what stands in .env.
        named = {"COMPOSE_FILE": str(COMPOSE_FILE), "COMPOSE_PROJECT_NAME": self.project}
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", text],
            env={**os.environ, **self.settings, **named, **environment},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout

    def up(self, *options: str) -> None:
        """Start everything, with two workers, and wait until all is well."""
        build = [] if "STUDYHALL_IMAGE" in os.environ else ["--build"]
        self.compose(*options, "up", "--detach", *build, "--wait", "--scale", "worker=2")

    def run(self, *words: str) -> str:
        """Run a command of Studyhall in a container of its own; return its output."""
        return self.compose("run", "--rm", "--no-TTY", "studyhall", *words).stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """What Docker says of each container, by its name without the project's."""
        ids = self.compose("ps", "--all", "--quiet").stdout.split()
        found = json.loads(docker("inspect", *ids).stdout)
        return {
            container["Name"].removeprefix(f"/{self.project}-"): container for container in found
        }

    def wait_healthy(self, container: str, restarts: int) -> None:
        """Wait until a container has been started again so often, and is healthy."""

        def healthy() -> bool:
            found = self.containers()[container]
            health = found["State"].get("Health", {})
            return found["RestartCount"] >= restarts and health.get("Status") == "healthy"

        wait_for(healthy, pause=0.5)
