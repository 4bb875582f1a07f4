"""Write a study's report to a file, and add an HTML report to the study's run in MLflow."""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.reports.first_layers import first_layers
from studyhall.search.reports.output_file import output_problems, write_output
from studyhall.search.reports.recorded_facts import Recorded, read_recorded
from studyhall.search.reports.report_rendering import render_html, render_markdown
from studyhall.search.study.interactive_figures import curve_figure, study_figures
from studyhall.search.tracking.study_runs import REPORT, REPORT_TAG
from studyhall.search.tracking.study_view import show_study
from studyhall.search.tracking.tracker import Tracker


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
        study: The study.
        file: Where it is.
        bytes: Its size.
        run_id: The run in MLflow that has it too, if any.
        trouble: Why it could not be added to that run.
    """

    study: str
    file: str
    bytes: int
    run_id: str | None
    trouble: str | None = None

    def to_dict(self) -> dict[str, object]:
        """The attributes for JSON; `trouble` only if there was any."""
        return {key: value for key, value in asdict(self).items() if key != "trouble" or value}


def write_report(
    name: str,
    output: Path | str | None = None,
    *,
    markdown: bool = False,
    force: bool = False,
    storage: Path | str | None = None,
    tracking_uri: str | None = None,
) -> Written:
    """Write the report of a recorded study, and log an HTML page to the study's run in MLflow.

    The file is kept if the page cannot be logged to MLflow.

    Args:
        name: The study.
        output: The file; by default `NAME-report.html` in the working folder, which is
            replaced if it exists.
        markdown: Write Markdown, without images and plots, instead of HTML.
        force: Replace the file at `output` if it exists.
        storage: The journal file or database with the study; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: the file cannot or must not be written, there is no such study, or its storage
            cannot be reached.
        StudyhallError: MLflow does not answer, or the file cannot be written to the disk.
    """
    path = Path(output or f"{name}-report.{'md' if markdown else 'html'}")
    problems = output_problems("--output", path, replace=force or output is None)
    if problems:
        raise UsageError("\n".join(problems))
    recorded, now = read_recorded(name, storage, tracking_uri), datetime.now(UTC)
    if markdown:
        content = render_markdown(recorded.facts, now)
    else:
        content = _page(recorded, tracking_uri, now)
    write_output(path, content)
    written = Written(name, str(path), len(content), None)
    if markdown:
        return written
    try:
        return replace(written, run_id=_logged(recorded, content))
    except (StudyhallError, OSError) as error:
        return replace(written, trouble=str(error))


def _page(recorded: Recorded, tracking_uri: str | None, now: datetime) -> bytes:
    facts = recorded.facts
    # Images are decoded on another core while the plots are drawn.
    with ThreadPoolExecutor(1) as pool:
        layers = pool.submit(first_layers, facts, tracking_uri)
        figures = study_figures(recorded.study)
        curves = curve_figure(facts.trials, facts.spec)
        return render_html(facts, now, figures, curves, layers.result())


def _logged(recorded: Recorded, content: bytes) -> str | None:
    """Log the page to the study's run, if it has one; return the run's id."""
    if recorded.place is None:
        return None
    client, run = recorded.place
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / REPORT
        file.parent.mkdir()
        file.write_bytes(content)
        tracker = Tracker(run, client)
        tracker.log_study_artifacts(Path(temporary))
        tracker.append_tag(REPORT_TAG, [hashlib.sha256(content).hexdigest()])
    study = recorded.study
    # The experiment's description is that of its current search, not of finalists or of a search
    # that was set aside.
    above = study.search_id is None and study.experiment == study.spec.study.name
    show_study(client, run, study.spec, above=above)
    return run.run_id
