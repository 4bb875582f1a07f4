"""Study files: what a valid one means, and that every mistake is named at once."""

from __future__ import annotations

import textwrap
import tomllib
from pathlib import Path

import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_file import find_study, load_study, make_study, shipped_studies

VALID = """\
[study]
name = "mine"
trials = 5

[data]
name = "cifar10"
train = 1000
validation = 500

[network]
hidden = ["hidden_size", 30]

[training]
optimizer = "momentum"
epochs = 2

[search_space]
hidden_size = { type = "int", low = 5, high = 50 }
learning_rate = { type = "float", low = 1e-4, high = 1e-1, log = true }
momentum = { type = "float", low = 0.5, high = 0.95 }
"""


def write(folder: Path, text: str = VALID, *changes: tuple[str, str]) -> Path:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "my.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def mistakes(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_study(path, overrides)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_every_shipped_study_is_valid_and_named_after_its_file(name):
    assert load_study(name).study.name == name


def test_sampled_values_take_their_places(tmp_path):
    spec = load_study(write(tmp_path))
    settings = spec.resolve({"hidden_size": 7, "learning_rate": 0.01, "momentum": 0.8})
    assert settings.network.hidden == (7, 30)
    assert settings.training.learning_rate == 0.01
    assert settings.training.momentum == 0.8
    assert settings.training.optimizer == "momentum"  # a name, though a parameter is called so


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "mine"', 'name = "a/b"', "my.toml:2: study.name: "),
        ("trials = 5", "trials = 0", "my.toml:3: study.trials: must be at least 1, got 0"),
        ("trials = 5", "trials = -2", "my.toml:3: study.trials: must be at least 1, got -2"),
        (
            "trials = 5",
            "trails = 5",
            "my.toml:3: study.trails: unknown key; did you mean 'trials'?",
        ),
        (
            "trials = 5",
            'sampler = "tpee"',
            "my.toml:3: study.sampler: must be 'tpe', 'random', 'grid', 'qmc', 'cmaes' or 'gp', "
            "got 'tpee'",
        ),
        (
            "trials = 5",
            'metric = "validation_loss"',
            "my.toml:1: study: direction must be 'minimize' for validation_loss, got 'maximize'",
        ),
        (
            "train = 1000",
            'train = "many"',
            "my.toml:7: data.train: must be a whole number, got 'many'",
        ),
        ("train = 1000\n", "", "my.toml:5: data.train: is required"),
        (
            "hidden = [",
            "hiden = [",
            "my.toml:11: network.hiden: unknown key; did you mean 'hidden'?",
        ),
        (
            '"hidden_size", 30',
            '"hidden_siz", 30',
            "my.toml:11: network.hidden[0]: must be a whole number, got 'hidden_siz'",
        ),
        (
            "epochs = 2",
            "epochs = 2\niterations = 9",
            "my.toml:13: training: exactly one of epochs and iterations must be given",
        ),
        (
            "low = 1e-4, high = 1e-1",
            "low = 0.1, high = 0.01",
            "my.toml:19: search_space.learning_rate: low must be below high, got 0.1 and 0.01",
        ),
        (
            "log = true",
            "log = true, step = 1.0",
            "my.toml:19: search_space.learning_rate: high must be low and a number of steps, "
            "got 0.0001, 0.1 and 1.0",
        ),
        (
            "low = 1e-4, high = 1e-1, log = true",
            "low = 1.0, high = 3.0, log = true, step = 1.0",
            "my.toml:19: search_space.learning_rate: step cannot be given with log = true, got 1.0",
        ),
        (
            "low = 1e-4",
            "low = 0.0",
            "my.toml:19: search_space.learning_rate: low must be above zero on a log scale, "
            "got 0.0",
        ),
        (
            'type = "float", low = 0.5, high = 0.95',
            'type = "float", low = 0.5, high = 1.5',
            "my.toml:20: search_space.momentum: must be below 1.0, got 1.5",
        ),
        (
            'momentum = { type = "float", low = 0.5, high = 0.95 }',
            'momentum = { type = "categorical", choices = [] }',
            "my.toml:20: search_space.momentum: choices must hold one value at least, got []",
        ),
        (
            'momentum = { type = "float", low = 0.5, high = 0.95 }',
            'momentum = { type = "real" }',
            "my.toml:20: search_space.momentum: type must be 'int', 'float' or 'categorical', "
            "got 'real'",
        ),
        (
            "momentum = {",
            "epochs = {",
            "my.toml:20: search_space.epochs: is both searched and set in [training]; "
            "delete one of the two",
        ),
        (
            "momentum = {",
            "train = {",
            "my.toml:20: search_space.train: cannot be searched: all trials share one split",
        ),
        (
            "momentum = {",
            "momentun = {",
            "my.toml:20: search_space.momentun: is used nowhere in the study; "
            "did you mean 'momentum'?",
        ),
        (
            "momentum = {",
            "[[enqueue]]\nhidden_size = 4\n[[enqueue]]\nhidden_size = 51\n#",
            "my.toml:23: enqueue[1].hidden_size: must lie in search_space.hidden_size, got 51",
        ),
        (
            "trials = 5",
            'sampler = "grid"',
            "my.toml:18: search_space.hidden_size: must be of type 'categorical' for "
            "sampler = 'grid', got 'int'",
        ),
    ],
)
def test_a_mistake_is_named_with_line_key_rule_and_value(tmp_path, old, new, expected):
    found = mistakes(write(tmp_path, VALID, (old, new)))
    assert any(line.startswith(expected) for line in found), found


def test_all_mistakes_are_reported_at_once(tmp_path):
    path = write(
        tmp_path,
        VALID,
        ("trials = 5", "trials = 0"),
        ("train = 1000", "train = -1"),
        ("epochs = 2", "epochs = 0"),
        ("low = 5, high = 50", "low = 50, high = 5"),
    )
    keys = [line.split(": ")[1] for line in mistakes(path)]
    assert keys == ["study.trials", "search_space.hidden_size", "data.train", "training.epochs"]


L2 = 'l2 = { type = "float", low = 0.1, high = 0.2 }\n'
SIZE = 'batch_size = { type = "int", low = 10, high = 20 }\n'
SAMPLING = 'sampling = { type = "categorical", choices = ["shuffle", "with_replacement"] }\n'
SHUFFLED = 'when = { sampling = "shuffle" } }'


@pytest.mark.parametrize(
    ("space", "got"),
    [
        (L2 + SIZE, None),
        (SAMPLING + L2 + SIZE, None),
        (SAMPLING + L2, "l2"),
        (SAMPLING + L2 + SIZE.replace(" }", f", {SHUFFLED}"), "l2"),
        (SAMPLING, "none"),
    ],
)
def test_cmaes_needs_two_numbers_that_every_trial_has(tmp_path, space, got):
    head, _ = VALID.split("[search_space]\n")
    changes = [
        ("trials = 5", 'sampler = "cmaes"'),
        ('"hidden_size", ', ""),
        ("epochs = 2", "epochs = 2\nlearning_rate = 0.1"),
    ]
    path = write(tmp_path, f"{head}[search_space]\n{space}", *changes)
    if got is None:
        assert load_study(path).study.sampler == "cmaes"
    else:
        assert mistakes(path) == [
            "my.toml:3: study.sampler: can be 'cmaes' where two parameters or more are of type "
            f"'int' or 'float' without a 'when', got {got}; choose another, such as 'tpe'"
        ]


def test_one_mistake_is_reported_once(tmp_path):
    assert len(mistakes(write(tmp_path, VALID, ("low = 5, high = 50", "low = 50, high = 5")))) == 1


@pytest.mark.parametrize("table", ["study", "data", "search_space", "enqueue", "training"])
@pytest.mark.parametrize("value", ["5", "'x'", "[1]"])
@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_a_table_of_another_type_is_a_mistake_like_others(tmp_path, table, value, sampler):
    text = VALID.replace("trials = 5", f'sampler = "{sampler}"').replace(f"[{table}]", "[other]")
    path = write(tmp_path, f"{table} = {value}\n{text}")
    assert any(f":1: {table}" in line for line in mistakes(path))


def test_a_syntax_error_names_its_line(tmp_path):
    path = write(tmp_path, VALID, ("train = 1000", "train = "))
    assert mistakes(path)[0].startswith("my.toml:7: not valid TOML: ")


def test_a_file_that_ends_too_early_names_its_last_line(tmp_path):
    path = write(tmp_path, '[study]\nname = "mine"\n[data')
    assert mistakes(path)[0].startswith("my.toml:3: not valid TOML: ")


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (
            "cifar11",
            "No study named 'cifar11'. Did you mean 'cifar10' or 'cifar10_grid' or 'cifar10_best'? "
            "`studyhall list` shows all. The path of a study file ends in .toml.",
        ),
        ("no.toml", "no.toml: no such study file. `studyhall list` shows all studies."),
    ],
)
def test_an_unknown_study_is_answered_with_the_nearest_names(study, expected):
    with pytest.raises(UsageError) as caught:
        load_study(study)
    assert str(caught.value) == expected


def test_overrides_replace_values_of_the_file(tmp_path):
    path = write(tmp_path)
    overrides = ["search_space.momentum.high=0.9", "study.name=other", "network.hidden=[8]"]
    spec = load_study(path, [*overrides, "training.batch_size=50", "data.shuffle=false"][:2])
    assert spec.study.name == "other"
    assert spec.search_space["momentum"].examples == (0.5, 0.9)


@pytest.mark.parametrize("override", ["momentum=1", "study.seed", "study.seed.x=1", ".=1"])
def test_an_override_that_names_no_key_is_refused(tmp_path, override):
    found = mistakes(write(tmp_path, VALID, ("trials = 5", "seed = 3")), override)
    assert found == [f"--set: must read table.key=value, got '{override}'"]


def test_an_overridden_value_is_checked_like_the_files_own(tmp_path):
    found = mistakes(write(tmp_path), "training.batch_size=0")
    assert found == ["--set: training.batch_size: must be at least 1, got 0"]


def test_tables_make_the_study_that_their_file_makes():
    tables = tomllib.loads(find_study("cifar10").read_text(encoding="utf-8"))
    assert make_study(tables) == load_study("cifar10")


def test_all_mistakes_are_named_together():
    tables = tomllib.loads(find_study("cifar10").read_text(encoding="utf-8"))
    tables["study"]["trials"] = 0
    tables["training"]["optimiser"] = "adam"
    with pytest.raises(UsageError) as caught:
        make_study(tables)
    assert str(caught.value).splitlines() == [
        "study.trials: must be at least 1, got 0",
        "training.optimiser: unknown key; did you mean 'optimizer'?",
    ]
