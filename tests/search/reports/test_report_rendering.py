"""What a report says of finalists, test evaluations, runs and plots, from plain values."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest

from studyhall.search.config.study_spec import FinalistsSection, StudySpec
from studyhall.search.reports.report_rendering import render_html, render_markdown
from studyhall.search.reports.study_comparison import compare_studies
from studyhall.search.reports.study_facts import ChampionFacts, FinalistsFacts
from studyhall.search.study.interactive_figures import Figure, curve_figure
from tests.search.reports.evaluated_study import FINALS, NOW, evaluated_facts
from tests.search.reports.parsed_page import parsed


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return evaluated_facts(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def page(facts):
    return parsed(render_html(facts, NOW, layers={1: b"one"}))


@pytest.fixture(scope="module")
def markdown(facts):
    return render_markdown(facts, NOW).decode()


def test_finalists_are_shown_with_their_spread(page, markdown):
    assert "Retrained with 2 fresh seeds, trial 4 was the best of 2 finalists: 0.5500" in page.text
    assert (
        "Selection bias: the search score of trial 1 was better by 0.3000 than the mean of its "
        "retrainings; there is only one, so the spread between seeds is not known."
    ) in page.text
    assert "luck" not in page.text.partition("Test result")[0]
    assert "| 0.6000 | 0.5500 | 0.0707 | 0.5000 | 0.6000 | 0 | rate 0.02 |" in markdown
    assert "| 0.7000 | 0.4000 |  | 0.4000 | 0.4000 | 1 | rate 0.01 |" in markdown


def test_finalists_that_diverged_are_finalists_too(facts):
    finals = replace(FINALS, diverged=(0, 2))
    told = replace(facts, summary=replace(facts.summary, finals=finals))
    text = parsed(render_html(told, NOW)).text
    assert "trial 4 was the best of 4 finalists: 0.5500" in text
    for number in (0, 2):
        assert f"Trial {number} diverged with every fresh seed." in text
    found = compare_studies(told, facts)
    assert (
        "finalists' means",
        *(
            "0.5500 (trial 4), 0.4000 (trial 1), diverged (trial 0), diverged (trial 2)",
            "0.5500 (trial 4), 0.4000 (trial 1)",
        ),
    ) in list(found.rows())


def test_evaluate_is_suggested_only_where_it_works(facts):
    def summary(**changes):
        told = replace(facts, tracked=replace(facts.tracked, evaluation=None, **changes))
        return render_markdown(told, NOW).decode().partition("## Best")[0]

    champion = ChampionFacts("6", "winner", "finalists")
    hint = "The champion has not been evaluated yet; studyhall evaluate s evaluates it."
    assert hint in summary(champion=champion)
    assert "studyhall evaluate" not in summary(champion=None)  # as of a study that was set aside


def test_finalists_that_did_better_have_no_selection_bias(facts):
    better = replace(FINALS, finalists=FINALS.finalists[:1], direction="minimize")
    told = replace(facts, summary=replace(facts.summary, finals=better))
    text = render_markdown(told, NOW).decode()
    assert (
        "No selection bias: the search score of trial 4 was worse by 0.0500 than the mean of its "
        "retrainings; these 2 have a standard deviation of 0.0707."
    ) in text


def test_finalists_that_did_as_well_have_no_selection_bias(facts):
    equal = replace(FINALS.finalists[0], value=0.55000001)
    told = replace(FINALS, finalists=(equal,))
    told = replace(facts, summary=replace(facts.summary, finals=told))
    text = render_markdown(told, NOW).decode()
    assert (
        "No selection bias: the search score of trial 4 equals the mean of its retrainings; these "
        "2 have a standard deviation of 0.0707."
    ) in text


def test_an_evaluation_of_an_earlier_champion_is_not_the_champions(facts):
    overtaken = replace(facts.tracked, champion=ChampionFacts("6", "winner", "finalists"))
    told = replace(facts, tracked=overtaken)
    text = parsed(render_html(told, NOW)).text
    assert "On the test set, version 3 classifies 60.00% of 200 examples correctly" in text
    since = "version 3, no longer the champion; the champion (version 6) has not been evaluated"
    assert f"That is {since}; studyhall evaluate s evaluates it." in text
    assert f"That is {since}." in text.partition("On the test set")[2]
    found = compare_studies(told, facts)
    assert [one.outdated for one in found.studies] == [since, None]
    assert ("  of", since, "-") in list(found.rows())
    assert "studyhall replay winner" in text


@pytest.mark.parametrize(
    ("selected_by", "told"),
    [
        ("search", "no finalists were retrained to measure it."),
        ("search before finalists", "its finalists are not trained yet."),
        ("search after finalists diverged", "all its finalists diverged."),
        ("finalists", None),
    ],
)
def test_the_report_says_if_the_champion_is_the_best_single_run(facts, selected_by, told):
    tracked = replace(facts.tracked, champion=ChampionFacts("3", "winner", selected_by))
    text = parsed(render_html(replace(facts, tracked=tracked), NOW)).text
    single = "This is the best single run of the search, so its score is partly selection bias"
    assert (f"{single}: {told}" in text) if told else (single not in text)


def test_the_test_result_has_an_interval_images_and_tables(page, markdown):
    assert (
        "Version 3, trial-0004-seed-1: 120 of 200 test examples classified correctly" in page.text
    )
    assert "(95 % Wilson interval 0.5300 to 0.6700)" in page.text
    assert "The accuracy on the validation examples is higher by 0.0200." in page.text
    pictures = [i for i in page.all("img") if i.get("class") == "image"]
    assert [picture["src"] for picture in pictures] == [
        "data:image/png;base64,Y29uZnVzZWQ=",
        "data:image/png;base64,d3Jvbmc=",
    ]
    assert all(picture["alt"] for picture in pictures)
    assert "| cat | 50 | 50 |\n| dog | 30 | 70 |" in markdown
    assert "| 7 | cat | dog | 99.0% |" in markdown


def test_every_test_evaluation_is_listed(page, markdown):
    assert "The test set was evaluated 2 times." in page.text
    assert "| 200 | 0.6000 |  | 0123456789ab |" in markdown
    assert "| \\<i\\> | reproduction | " in markdown
    assert "| broken off |  | 0.1000 to 0.2000 | f |" in markdown


def test_runs_are_linked_to_their_pages_in_the_ui(page, markdown):
    links = {a["href"] for a in page.all("a") if not (a["href"] or "").startswith("#")}
    runs = "http://localhost:5000/mlflow/#/experiments/5/runs/"
    named = ("parent", "run0", "run1", "run2", "run3", "evaluated", "other")
    assert links == {f"{runs}{name}" for name in named}
    assert f"[1]({runs}run1)" in markdown


def test_each_section_can_be_reached(page):
    inner = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "").startswith("#")}
    assert inner == page.titles
    assert {"finalists", "verdict", "readings", "gallery", "cost", "reproduce"} <= page.titles


def test_core_seconds_count_each_thread(page, markdown):
    assert "Training took 20 core-seconds, with 2 BLAS threads per worker." in page.text
    assert "| complete | 3 | 12.0 | 4.0 |" in markdown


def test_trainings_of_unknown_time_are_counted(facts):
    lost = (replace(facts.trials[3], seconds=None), replace(facts.trials[4], seconds=None))
    told = replace(facts, trials=(*facts.trials[:3], *lost))
    text = render_markdown(told, NOW).decode()
    assert (
        "Training took 12 core-seconds, with 2 BLAS threads per worker. That excludes 2 trainings "
        "that did not finish or crashed the worker: the time is not known."
    ) in text
    assert "| failed | 1 |  |  |" in text
    assert "| complete | 3 | 8.0 | 4.0 |" in text
    assert "| all | 5 | 12.0 | 4.0 |" in text


def test_equal_bits_are_promised_where_the_commands_give_them(facts, page):
    assert "the commands give the same trials, except for the last bits" in page.text
    assert "launch with Options(blas_threads=2) in Python to get the same bits." in page.text
    one = replace(facts, tracked=replace(facts.tracked, blas_threads=1))
    text = parsed(render_html(one, NOW, layers={})).text
    assert "the commands give the same trials, bit for bit. Add --no-preflight" in text


def test_the_cost_has_the_finalists_and_so_do_the_commands(facts):
    told = replace(facts, finalists=FinalistsFacts(2, 3, facts.trials[:3]))
    text = render_markdown(told, NOW).decode()
    assert "Training took 32 core-seconds" in text
    assert "| finalists | 3 | 12.0 | 4.0 |\n| all | 8 | 32.0 | 4.0 |" in text
    finalists = "studyhall finalists s --configurations 2 --seeds 3\n"
    assert f"studyhall launch s.toml\n{finalists}studyhall evaluate s\n" in text
    spec = facts.spec.model_copy(update={"finalists": FinalistsSection(configurations=2, seeds=3)})
    text = render_markdown(replace(told, spec=spec), NOW).decode()
    assert finalists not in text


def test_the_code_version_and_commands_are_given(page):
    assert "Studyhall 1.2, commit abc with uncommitted changes, seed 3" in page.text
    assert "studyhall launch s.toml\nstudyhall evaluate s\nstudyhall replay run1" in page.text


def test_the_study_file_in_the_report_is_that_of_the_study(facts, markdown):
    file = markdown.rpartition("```\n")[0].rpartition("```\n")[2]
    assert StudySpec.model_validate(tomllib.loads(file)) == facts.spec


def test_the_folder_of_the_users_own_data_is_left_out(facts):
    data = {**facts.spec.data, "name": "pets", "path": "/home/me/secret/pets"}
    told = replace(facts, spec=facts.spec.model_copy(update={"data": data}))
    text = render_markdown(told, NOW).decode()
    assert "/home/me" not in text
    assert '\npath = "pets"\n' in text
    assert "if pets is not beside the study file, add --data-dir " in text


def test_without_a_server_there_are_no_links_to_mlflow(facts):
    here = replace(facts, tracked=replace(facts.tracked, uri="sqlite:///mlflow.db"))
    found = parsed(render_html(here, NOW))
    assert all((a["href"] or "").startswith("#") for a in found.all("a"))


def test_a_thousand_long_pruned_curves_leave_the_page_small(facts):
    (pruned,) = [row for row in facts.trials if row.state == "pruned"]
    curve = {epoch: 1 / (epoch + 7) for epoch in range(1, 101)}
    rows = [replace(pruned, number=number, curve=curve) for number in range(1000)]
    figure = curve_figure(rows, facts.spec)
    assert figure is not None
    assert len(figure.plotly) < 5e5
    assert figure.description.endswith("of which one epoch in 5 is shown, and the last.")
    (trace,) = json.loads(figure.plotly)["data"]
    assert trace["x"][:3] == [5, 10, 15]
    assert trace["x"][19:21] == [100, None]
    assert trace["text"][20:22] == [0, 1]


def test_nothing_in_a_figure_ends_its_script(facts):
    text = "</script><!-- & <script>"
    figure = Figure("slice", "<b>", json.dumps({"data": [text]}))
    found = parsed(render_html(facts, NOW, [figure]))
    assert found.figures["figure-slice"] == {"data": [text]}
    assert len(found.all("script")) == 3
