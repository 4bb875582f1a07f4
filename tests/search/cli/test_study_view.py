"""What `studyhall list` prints."""

from __future__ import annotations

from pathlib import Path

from studyhall.search.cli.study_view import show_studies


def test_the_names_of_studies_are_whole_in_a_pipe(capsys) -> None:
    name = "a_study_of_" + 9 * "many_things_"
    show_studies({name: Path("x.toml")}, (), as_json=False)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split() for row in rows[1:]] == [[name, "-", "-", "Studyhall"]]
