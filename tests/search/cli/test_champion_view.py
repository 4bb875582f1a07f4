"""What a terminal shows of the classes that a champion confuses, few of them or many."""

from __future__ import annotations

import numpy as np
import pytest

from studyhall.search.cli.champion_view import print_confusion
from studyhall.search.evaluation.evaluation import Evaluation

FILE = "all counts: confusion_matrix.json of run abc in MLflow"


def evaluated(classes: list[str], confused: dict[tuple[int, int], int]) -> Evaluation:
    """An evaluation in which some classes were taken for others."""
    matrix = np.eye(len(classes), dtype=int) * 900
    for place, count in confused.items():
        matrix[place] = count
    return Evaluation(
        examples=int(matrix.sum()),
        correct=int(matrix.trace()),
        accuracy=0.9,
        interval=(0.8, 1.0),
        accuracy_by_class={},
        classes=tuple(classes),
        confusion=tuple(map(tuple, matrix.tolist())),
        mistakes=(),
        mistaken=np.zeros(0),
    )


@pytest.fixture
def printed(monkeypatch, capsys):
    """What is printed on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def lines(classes: list[str], confused: dict[tuple[int, int], int]) -> list[str]:
        print_confusion(evaluated(classes, confused), "abc")
        return capsys.readouterr().out.splitlines()

    return lines


def test_a_table_that_fits_has_every_count(printed):
    head, columns, cat, dog = printed(["cat", "[red]"], {(0, 1): 87})
    assert head == "rows: true class, columns: predicted class"
    assert columns.split() == ["cat", "[red]"]
    assert cat.split() == ["cat", "900", "87"]
    assert dog.split() == ["[red]", "0", "900"]


def test_columns_whose_names_are_cut_to_the_same_are_numbered(printed):
    _, columns, first, second = printed(["golden retriever", "golden eagle"], {(0, 1): 87})
    assert columns.split() == ["1", "2"]
    assert first.split("  ")[0] == "1 golden retriever"
    assert second.startswith("2 golden eagle ")


def test_what_does_not_fit_is_told_by_its_most_frequent_confusions(printed):
    classes = [f"class {number:02}" for number in range(40)]
    confused = {(3, 5): 87, (5, 3): 1, **{(k, k + 1): 10 for k in range(10, 20)}}
    head, first, *others, last = printed(classes, confused)
    assert head == "most often confused:"
    assert first == "  class 03 taken for class 05 87 times"
    assert others == [f"  class {k} taken for class {k + 1} 10 times" for k in range(10, 19)]
    assert last == FILE


def test_many_classes_that_are_never_confused_leave_the_file_alone(printed):
    assert printed([f"class {number}" for number in range(40)], {}) == [FILE]


def test_once_is_no_number_of_times(printed):
    classes = [f"class {number}" for number in range(40)]
    assert printed(classes, {(0, 1): 1})[1] == "  class 0 taken for class 1 1 time"
