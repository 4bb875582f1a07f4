"""A tour through MLflow's UI: what a user who follows the addresses of a launch gets to see.

The pictures of the documentation are those of this tour, over a study that is more than a test's:

    STUDYHALL_TOUR=FOLDER STUDYHALL_PICTURES=docs/images pytest tests/browser

where FOLDER is where `studyhall launch`, `evaluate` and `report` of cifar10 were run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from playwright.sync_api import Locator, expect

from studyhall.search.config.study_spec import StudySection
from studyhall.search.tracking.mlflow_ui import Pages, pages_of
from tests.browser.browsing import Visit, browser
from tests.cli.workspace import SMALL, Workspace
from tests.server import Server

_PICTURE = "img[src^='blob:'], .image-outer-container img, canvas"
_FINALISTS = "\n[finalists]\nconfigurations = 2\nseeds = 2\n"


@dataclass(frozen=True)
class Tour:
    """A finished study behind a server, and the browser that looks at it."""

    name: str
    folder: Path
    server: Server
    client: MlflowClient
    study: Run
    pages: Pages
    visit: Visit
    pictures: Path

    def runs(self, kind: str = "trial") -> list[Run]:
        """The study's runs of a kind, by name."""
        wanted = f"tags.`studyhall.kind` = '{kind}'"
        found = self.client.search_runs([self.study.info.experiment_id], wanted)
        return sorted(found, key=lambda run: run.info.run_name)

    def address(self, run: Run, tab: str = "") -> str:
        """The page of a run."""
        experiment = f"{self.server.address}/#/experiments/{run.info.experiment_id}"
        return f"{experiment}/runs/{run.info.run_id}{tab}"

    def picture(self, name: str, part: Locator | None = None) -> None:
        """Keep what is seen now, or a part of it: beside artifacts stands where they are kept."""
        self.visit.picture(self.pictures / f"mlflow-{name}.png", part)


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium is installed here (Debian: chromium)")
    folder = Path(os.environ.get("STUDYHALL_TOUR", tmp_path_factory.mktemp("tour")))
    pictures = Path(os.environ.get("STUDYHALL_PICTURES", tmp_path_factory.mktemp("pictures")))
    server = Server(folder)
    try:
        name = "cifar10" if "STUDYHALL_TOUR" in os.environ else _launched(folder, server)
        client = MlflowClient(server.address)
        experiment_id = client.get_experiment_by_name(name).experiment_id
        (study,) = client.search_runs(
            [experiment_id],
            "tags.`studyhall.kind` = 'study' and attributes.run_name != 'finalists'",
        )
        version = client.get_model_version_by_alias(name, "champion").version
        section = StudySection(name=name)
        pages = pages_of(
            server.address, experiment_id, study.info.run_id, section, (name, str(version))
        )
        with browser() as visit:
            yield Tour(name, folder, server, client, study, pages, visit, pictures)
    finally:
        server.kill()


def _launched(folder: Path, server: Server) -> str:
    """Run, judge and report a small study through the server."""
    workspace = Workspace(folder, {"MLFLOW_TRACKING_URI": server.address})
    workspace.write(SMALL + _FINALISTS)
    out, _ = workspace.run("launch", "small.toml", "--jobs", 2, "--json")
    pages = json.loads(out)["pages"]
    assert pages["served"]
    assert pages["study"].startswith(server.address)
    workspace.run("evaluate", "small")
    workspace.run("report", "small")
    return "small"


@pytest.fixture(autouse=True)
def no_errors(tour: Tour) -> Iterator[None]:
    """No page may say in the console that something went wrong, but for what MLflow always says."""
    tour.visit.errors.clear()
    yield
    assert tour.visit.errors == []


def test_the_list_of_runs_nests_trials_below_the_study_with_what_matters_first(tour):
    page = tour.visit.open(tour.pages.runs)
    top = page.locator(f'.ag-row[row-id="{tour.study.info.run_id}"]').first
    expect(top).to_be_visible()
    assert page.locator(".ag-center-cols-container .ag-row").count() == 1  # nested, so closed
    page.locator(f'.ag-row[row-id="{tour.study.info.run_id}"] button').first.click()
    trials = [r for r in tour.runs() if "studyhall.finalist" not in r.data.tags]
    for run in trials[:5]:
        expect(page.get_by_role("link", name=run.info.run_name, exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="finalists", exact=True).first).to_be_attached()
    # As they stand, from left to right: in the page they are in the order of their making.
    cells = page.locator(".ag-header-cell").all()
    found = [((cell.bounding_box() or {})["x"], cell.inner_text()) for cell in cells]
    columns = [name for _, name in sorted(found) if name]
    first = ["Run Name", "Created", "Duration", "test_accuracy", "value"]
    first += sorted(trials[0].data.params)
    assert columns[: len(first)] == first
    tour.picture("runs")


def test_runs_that_are_sorted_by_name_are_sorted_by_number(tour):
    query = "workflowType=machine_learning&orderByKey=tags.%60mlflow.runName%60&orderByAsc=true"
    page = tour.visit.open(f"{tour.pages.runs.partition('?')[0]}?{query}&searchFilter=")
    rows = page.locator(".ag-row:has(a)")
    expect(rows.filter(has_text="trial-0000").first).to_be_visible()
    names = {
        int(row.get_attribute("row-index")): row.locator("a").first.inner_text()
        for row in rows.all()
    }
    shown = [name for _, name in sorted(names.items()) if name.startswith("trial-")]
    assert len(shown) > 5
    assert shown == sorted(shown, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def test_the_description_says_what_the_study_is_and_leads_to_its_report(tour):
    page = tour.visit.open(tour.pages.runs)
    note = page.get_by_text(f"Study {tour.name}:").first
    expect(note).to_be_visible()
    page.locator("[data-component-id='mlflow.experiment.metadata_editor.expand_button']").click()
    link = page.get_by_role("link", name="Report", exact=True)
    expect(link).to_be_visible()
    page = tour.visit.open(f"{tour.server.address}/{link.get_attribute('href').lstrip('/')}")
    report = page.frame_locator("iframe").first
    expect(report.get_by_role("heading", name=re.compile(tour.name)).first).to_be_visible()
    tour.picture("report", page.locator("iframe").first)


def test_the_report_draws_its_figures_from_a_file_without_a_network(tour):
    page = tour.visit.page
    with tour.visit.offline() as asked:
        page.goto((tour.folder / f"{tour.name}-report.html").as_uri())
        expect(page.locator("html[data-drawn='yes']")).to_be_attached()
        figures = page.locator("script[data-figure]").count()
        assert figures > 4
        expect(page.locator(".plot.js-plotly-plot .main-svg:first-child")).to_have_count(figures)
        expect(page.get_by_text("cannot draw the plot")).to_have_count(0)
        for plot in page.locator(".plot").all():
            expect(plot.locator(".plotly .trace, .plotly .parcoords").first).to_be_attached()
        assert asked == []


def test_charts_compare_the_trials_on_one_axis_of_iterations(tour):
    page = tour.visit.open(tour.pages.charts)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.get_by_placeholder("Search metric charts").fill("validation_")
    cards = page.get_by_test_id("experiment-view-compare-runs-card")
    curve = cards.filter(has_text="validation_accuracy").first
    expect(curve.locator(".js-plotly-plot")).to_be_visible()
    expect(curve.locator(".xtitle")).to_have_text("Step")
    expect(curve.locator(".scatterlayer .trace").nth(3)).to_be_attached()
    last = float(curve.locator(".xtick text").last.text_content() or 0)
    assert last > 10  # iterations, not epochs
    tour.picture("charts")


def test_a_trials_page_has_its_parameters_curves_and_pictures(tour):
    best = max(tour.runs(), key=lambda run: run.data.metrics["value"])
    page = tour.visit.open(tour.address(best))
    for name, value in best.data.params.items():
        expect(
            page.get_by_role("link", name=name, exact=True).or_(page.get_by_text(name)).first
        ).to_be_visible()
        expect(page.get_by_text(value).first).to_be_visible()
    tour.picture("trial")
    page = tour.visit.open(tour.address(best, "/model-metrics"))
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    for picture in ("learning-curve", "first-layer"):
        file = f"{picture.replace('-', '_')}.png"
        page = tour.visit.open(tour.address(best, f"/artifacts/{file}"))
        shown = page.locator(_PICTURE).first
        expect(shown).to_be_visible()
        tour.picture(picture, shown)


def test_the_champion_is_registered_with_its_alias_and_leads_to_its_run(tour):
    page = tour.visit.open(tour.pages.champion)
    expect(page.get_by_text("champion").first).to_be_visible()
    expect(page.get_by_text("finalists").first).to_be_visible()
    champion = tour.client.get_model_version_by_alias(tour.name, "champion")
    run = tour.client.get_run(champion.run_id)
    expect(page.get_by_role("link", name=run.info.run_name).first).to_be_visible()
    tour.picture("champion")


def test_the_evaluation_stands_beside_the_trials_with_its_pictures(tour):
    (judged,) = tour.runs("evaluation")[:1]
    page = tour.visit.open(tour.address(judged, "/artifacts/confusion_matrix.png"))
    shown = page.locator(_PICTURE).first
    expect(shown).to_be_visible()
    tour.picture("evaluation", shown)
