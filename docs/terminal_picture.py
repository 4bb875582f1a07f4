"""Take the README's picture of a terminal from a real run: `python docs/terminal_picture.py`.

The terminal is tmux's, in which a short study runs in a folder of its own. The pictures of MLflow's
UI are those of the tour in tests/browser.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).resolve().parent / "images"
STUDYHALL = str(Path(sys.executable).with_name("studyhall"))


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


if __name__ == "__main__":
    take_terminal(IMAGES / "terminal.svg")
