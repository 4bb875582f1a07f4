"""How long does the report of 1,000 trials take, and how large is it?

A study of two-layer networks on CIFAR-10, of which twelve trials are really trained, on few images
and for three epochs. Then it is made as large as it is to be: the trials' lines in the journal are
copied under new numbers and with new parameters, and the rows of one run in MLflow's database under
new ids (`filled_study.py`). Each copy's `first_layer.png` is a link to that of a trained trial.

- report: `studyhall report`, from the start of the process to its end, and the bytes of its page.
- peer: Optuna's own figures of the same study, written one by one as standalone HTML pages
  (`write_html`), likewise by a process of its own: history, importances, parallel coordinates and
  slice. Its contour, which of all trials takes 40 MB, is left out; ours is of 100 trials.

They take turns; medians. `processor` counts the processors' seconds of all threads, which say more
than the clock where others use the machine as well. Takes about two minutes. The last line is JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter

import numpy as np
from filled_study import fill_journal, fill_mlflow
from study_folder import StudyFolder, environment, study_folder

from studyhall.search.common.addresses import JOURNAL
from studyhall.search.config.study_file import load_study
from studyhall.search.study.recorded import open_recorded
from studyhall.search.study.storage import open_storage
from studyhall.search.study.studies import open_study

TRIALS, REAL, TURNS = 1_000, 12, 5
STUDY = f"""\
[study]
name = "report"
trials = {REAL}
pruner = "hyperband"

[data]
name = "cifar10"
train = 2000
validation = 500

[network]
hidden = [256]

[training]
optimizer = "nesterov"
epochs = 3

[search_space]
learning_rate       = {{ type = "float", low = 1e-3, high = 3e-2, log = true }}
learning_rate_decay = {{ type = "float", low = 0.6, high = 0.95 }}
momentum            = {{ type = "float", low = 0.5, high = 0.99 }}
l2                  = {{ type = "float", low = 1e-5, high = 1e-2, log = true }}
"""
PEER = f"""\
import optuna
from optuna import visualization
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = JournalStorage(JournalFileBackend("{JOURNAL}"))
study = optuna.load_study(study_name="report", storage=storage)
for name in ("optimization_history", "param_importances", "parallel_coordinate", "slice"):
    getattr(visualization, "plot_" + name)(study).write_html("peer/" + name + ".html")
"""


def fill(place: StudyFolder) -> None:
    """Run a few trials, and make the study as large as it is to be."""
    (place.folder / "report.toml").write_text(STUDY, encoding="utf-8")
    place.run("launch", "report.toml", "--quiet")
    runs, numbers = place.runs("report"), range(REAL, TRIALS)
    fill_journal(place.folder / JOURNAL, TRIALS, np.random.default_rng(0))
    storage = open_storage(place.folder / JOURNAL)
    whole = load_study(place.folder / "report.toml", [f"study.trials={TRIALS}"])
    open_study(storage, whole, open_recorded("report", place.folder / JOURNAL).data_fingerprint)
    fill_mlflow(place.folder / "mlflow.db", runs[0].info.run_id, numbers)
    pictures = [Path(run.info.artifact_uri) / "first_layer.png" for run in runs]
    for number in numbers:
        copy = pictures[0].parents[2] / f"{number:032x}" / "artifacts" / pictures[0].name
        copy.parent.mkdir(parents=True)
        os.link(pictures[number % REAL], copy)


def draw_peers(folder: Path) -> None:
    """Have Optuna write its figures one by one."""
    (folder / "peer").mkdir(exist_ok=True)
    subprocess.run([sys.executable, "-c", PEER], cwd=folder, env=environment(), check=True)


def taken(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a call takes by the clock, and those of its processes' processors."""
    start, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
    call()
    after = getrusage(RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - start, spent


def megabytes(*files: Path) -> float:
    """Return how large files are together."""
    return round(sum(file.stat().st_size for file in files) / 1e6, 2)


def main() -> None:
    """Print the seconds and sizes of both as one JSON line."""
    with study_folder() as place:
        fill(place)
        turns = [
            (
                *taken(lambda: place.run("report", "report")),
                *taken(lambda: draw_peers(place.folder)),
            )
            for _ in range(TURNS)
        ]
        ours, processor, peers, peer_processor = zip(*turns, strict=True)
        page = place.folder / "report-report.html"
        found = {
            "trials": TRIALS,
            "pictures": page.read_text(encoding="utf-8").count("data:image/jpeg"),
            "report_seconds": round(median(ours), 2),
            "report_slowest": round(max(ours), 2),
            "report_processor": round(median(processor), 2),
            "report_megabytes": megabytes(page),
            "peer_seconds": round(median(peers), 2),
            "peer_processor": round(median(peer_processor), 2),
            "peer_megabytes": megabytes(*(place.folder / "peer").iterdir()),
        }
    print(json.dumps({"benchmark": "report", "turns": TURNS, **found}))


if __name__ == "__main__":
    main()
