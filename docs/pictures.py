"""Take the README's pictures from a real run.

    python docs/pictures.py FOLDER

FOLDER is where `studyhall launch cifar10` was run to its end. The terminal is tmux's, in which a
short study runs in a folder of its own; the browser is Chromium, which Playwright drives over
MLflow's UI. Needs `pip install 'studyhall[docs]'`, and Debian's chromium and tmux.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).resolve().parent / "images"
STUDYHALL = str(Path(sys.executable).with_name("studyhall"))
PORT = 5057
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main(folder: Path) -> None:
    """Take all pictures."""
    take_terminal(IMAGES / "terminal.svg")
    with served_ui(folder), sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        take_runs(page, IMAGES / "mlflow-runs.png")
        browser.close()


def take_terminal(path: Path, seconds: float = 75) -> None:
    """Run a short study in a terminal and keep what stands there after a while, as SVG."""
    tmux = ["tmux", "-L", "studyhall-pictures"]
    launch = f"{STUDYHALL} launch cifar10 --trials 12 --set training.epochs=3"
    with tempfile.TemporaryDirectory() as folder:
        start = [*tmux, "new-session", "-d", "-x", "100", "-y", "12", "-c", folder]
        subprocess.run([*start, "bash --norc --noprofile"], check=True)
        subprocess.run([*tmux, "send-keys", f"PS1='$ '; clear; {launch}", "Enter"], check=True)
        time.sleep(seconds)
        screen = subprocess.run(
            [*tmux, "capture-pane", "-p", "-e"], check=True, capture_output=True, text=True
        ).stdout.rstrip()
        subprocess.run([*tmux, "kill-server"], check=True)
    console = Console(record=True, width=100, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(Text.from_ansi(screen.replace(STUDYHALL, "studyhall")))
    console.save_svg(str(path), title="studyhall")


@contextmanager
def served_ui(folder: Path) -> Iterator[None]:
    """Serve MLflow's UI over the runs of a folder."""
    command = [STUDYHALL, "ui", "--port", str(PORT)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, start_new_session=True, **quiet) as server:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        yield
        os.killpg(server.pid, 15)


def take_runs(page: Page, path: Path) -> None:
    """Take the list of a study's trials."""
    columns = "metrics.`validation_accuracy`"
    page.goto(
        f"http://127.0.0.1:{PORT}/#/experiments/1/runs?orderByKey={columns}&orderByAsc=false"
        "&searchFilter=tags.%60studyhall.kind%60%20%3D%20%27trial%27&compareRunsMode=CHART"
    )
    page.wait_for_selector(".js-plotly-plot", timeout=60_000)
    page.wait_for_timeout(3_000)
    page.screenshot(path=path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
