"""Writing a study's report: read, draw, render, write, and add it to the study's run."""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from studyhall.search.common.errors import StudyhallError, UsageError
from studyhall.search.data.data_names import described
from studyhall.search.data.dataset_manifest import read_page
from studyhall.search.data.own_versions import version_of
from studyhall.search.reports.first_layers import FirstLayers
from studyhall.search.reports.output_file import output_problems, write_output
from studyhall.search.reports.recorded_facts import Recorded, read_recorded
from studyhall.search.reports.report_gallery import no_layers
from studyhall.search.reports.report_markdown import render_markdown
from studyhall.search.reports.report_page import render_page
from studyhall.search.reports.report_sections import report_sections
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.report_figures import curve_figure, study_figures
from studyhall.search.study.trial_rows import best_first
from studyhall.search.tracking.study_runs import REPORT, REPORT_TAG
from studyhall.search.tracking.study_view import show_study
from studyhall.search.tracking.tracker import Tracker

MOST_LAYERS = 1000  # in a page: more of them would make it larger than can be sent about


@dataclass(frozen=True)
class Written:
    """A report that was written: where, its bytes, and the run that has it too, if any.

    `trouble` is why MLflow did not take it.
    """

    study: str
    file: str
    bytes: int
    run_id: str | None
    trouble: str | None = None

    def to_dict(self) -> dict[str, object]:
        """The report as JSON tells of it."""
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

    If MLflow does not take the page, the file is there all the same.

    Args:
        name: The study.
        output: The file; by default `NAME-report.html` here, which replaces an earlier one.
        markdown: Write Markdown, without pictures, in place of HTML.
        force: Replace a file that was named by `output`.
        storage: Where the study is kept; by default in the working folder.
        tracking_uri: MLflow's address; by default where plain `mlflow ui` looks.

    Raises:
        UsageError: the file cannot or must not be written, there is no such study, or nothing
            answers where it is kept.
        StudyhallError: MLflow does not answer, or the disk does not take the file.
    """
    path = Path(output or f"{name}-report.{'md' if markdown else 'html'}")
    problems = output_problems("--output", path, replace=force or output is None)
    if problems:
        raise UsageError("\n".join(problems))
    recorded, now = read_recorded(name, storage, tracking_uri), datetime.now(UTC)
    if markdown:
        content = render_markdown(name, report_sections(recorded.facts), now)
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
    # Pictures are decoded beside the drawing, on a core of their own.
    with ThreadPoolExecutor(1) as pool:
        layers = pool.submit(_layers, facts, tracking_uri)
        figures = study_figures(recorded.study)
        curves = curve_figure(facts.trials, facts.spec)
        shown = [*figures, *([curves] if curves else [])]
        sections = report_sections(facts, shown, layers.result())
    return render_page(facts.summary.name, sections, now)


def _layers(facts: StudyFacts, tracking_uri: str | None) -> dict[int, bytes] | str:
    """The first layers of the trials that left weights, or why they cannot be seen."""
    shape = _example_shape(facts)
    if reason := no_layers(facts, shape):
        return reason
    ranked = best_first(list(facts.trials), facts.spec)
    numbers = [row.number for row in ranked if row.weights_sha256 is not None]
    runs = facts.tracked.runs if facts.tracked else {}
    return FirstLayers(tracking_uri, shape or (), runs).small(numbers[:MOST_LAYERS])


def _example_shape(facts: StudyFacts) -> tuple[int, ...] | None:
    """The shape of the study's examples; None if the user's own are not in the cache any more."""
    settings = facts.spec.data_settings
    if settings.path is None:
        return described(settings).example_shape
    folder = version_of(settings, facts.fingerprint or "")
    page = read_page(folder) if folder else None
    return page.collection.example_shape if page else None


def _logged(recorded: Recorded, content: bytes) -> str | None:
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
    # What a search is that was set aside, or finalists are, is not what their experiment is.
    above = study.search_id is None and study.experiment == study.spec.study.name
    show_study(client, run, study.spec, above=above)
    return run.run_id
