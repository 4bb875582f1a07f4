"""Mistakes in conditions, and settings that are wrong only where a condition holds or does not."""

from __future__ import annotations

import pytest

from studyhall.search.config.study_file import load_study
from tests.search.config.test_study_file import mistakes, write

VALID = """\
[study]
name = "mine"
trials = 5

[data]
name = "cifar10"
train = 1000
validation = 500

[network]
hidden = [30]

[training]
learning_rate = 0.01
epochs = 2

[search_space]
optimizer = { type = "categorical", choices = ["sgd", "momentum", "nesterov"] }
learning_rate = { type = "categorical", choices = [0.1, 0.2], when = { optimizer = "sgd" } }
method = { type = "categorical", choices = ["none", "l2", "both"] }
l2 = { type = "float", low = 0.1, high = 0.2, when = { method = ["l2", "both"] } }

[[enqueue]]
optimizer = "sgd"
learning_rate = 0.2
"""
L2 = 'l2 = { type = "float", low = 0.1, high = 0.2, when = { method = ["l2", "both"] } }'
METHOD = 'method = { type = "categorical", choices = ["none", "l2", "both"] }'
RATE = "learning_rate = 0.01\n"
RATES = 'choices = [0.1, 0.2], when = { optimizer = "sgd" }'
OPTIMIZER_LINE = 'optimizer = { type = "categorical", choices = ["sgd", "momentum", "nesterov"] }'
ENQUEUED = 'optimizer = "sgd"\nlearning_rate = 0.2\n'
SIZE = 'size = { type = "int", low = 5, high = 9, when = { method = "l2" } }'


def l2_when(condition: str) -> tuple[str, str]:
    return L2, L2.replace('{ method = ["l2", "both"] }', condition)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], []),
        (
            [l2_when("{}")],
            ["21: search_space.l2.when: must name one parameter at least and its value, got {}"],
        ),
        ([l2_when('"l2"')], ["21: search_space.l2.when: must be a table, got 'l2'"]),
        (
            [l2_when("{ method = [] }")],
            [
                "21: search_space.l2.when: must give method a value or a list of values, "
                "got []"
            ],
        ),
        (
            [l2_when("{ method = [['l2']] }")],
            [
                "21: search_space.l2.when: must give method a value or a list of values, "
                "got [['l2']]"
            ],
        ),
        (
            [l2_when('{ methd = "l2" }')],
            [
                "21: search_space.l2.when.methd: is not in [search_space]; did you mean 'method'?",
            ],
        ),
        (
            [l2_when('{ method = ["l1", "l2", "bth"] }')],
            [
                "21: search_space.l2.when.method: must be one of its choices "
                f"['none', 'l2', 'both'], got '{wrong}'"
                for wrong in ("l1", "bth")
            ],
        ),
        (
            [l2_when('{ learning_rate = 0.1, method = "l2" }'),
             (RATES, 'low = 0.1, high = 0.2'), ('"categorical", low', '"float", low'),
             (RATE, ""), (ENQUEUED, "l2 = 0.1")],
            ["20: search_space.l2.when.learning_rate: must be of type 'categorical' for a "
             "condition on it, got 'float'"],
        ),
        (
            [(METHOD, ""), (L2, f"{L2}\n{METHOD}")],
            ["21: search_space.l2.when.method: must stand above search_space.l2, which depends "
             "on it"],
        ),
        (
            [l2_when('{ method = "l2", l2 = 0.1 }')],
            ["21: search_space.l2.when.l2: must stand above search_space.l2, which depends on it"],
        ),
        (
            [(METHOD, METHOD.replace(" }", ', when = { optimizer = "sgd" } }')),
             l2_when('{ method = "l2", optimizer = ["momentum", "nesterov"] }')],
            ["21: search_space.l2: is never active: no choice of search_space.optimizer meets "
             "all conditions"],
        ),
        (
            [(RATE, ""), (METHOD, METHOD.replace(" }", ', when = { optimiser = "sgd" } }')),
             (L2, L2.replace("l2 =", "learning_rate_decay =")),
             (f"{OPTIMIZER_LINE}\nlearning_rate", f"{OPTIMIZER_LINE}\nmomentum"),
             ("learning_rate_decay", "learning_rate"), (ENQUEUED, "")],
            ["19: search_space.method.when.optimiser: is not in [search_space]; did you mean "
             "'optimizer'?"],
        ),
        (
            [(METHOD, METHOD.replace('["none", "l2", "both"]', "[]"))],
            ["20: search_space.method: choices must hold one value at least, got []"],
        ),
        (
            [(RATE, "")],
            ["18: search_space.learning_rate: is active only when optimizer = 'sgd'; set "
             "training.learning_rate as well, for the trials where it is not"],
        ),
        (
            [(RATE, "learning_rate = -1.0\n")],
            ["14: training.learning_rate: must be above 0.0, got -1.0"],
        ),
        (
            [(RATES, RATES.replace("0.2", "-0.2"))],
            ["19: search_space.learning_rate: must be above 0.0, got -0.2",
             "25: enqueue[0].learning_rate: must lie in search_space.learning_rate, got 0.2"],
        ),
        (
            [(L2, L2.replace("low = 0.1", "low = -0.1"))],
            ["21: search_space.l2: must be at least 0.0, got -0.1"],
        ),
        (
            [(RATE, f"{RATE}l2 = 0.5\n")],
            [],
        ),
        (
            [(RATE, f"{RATE}optimizer = 'sgd'\n")],
            ["19: search_space.optimizer: is both searched and set in [training]; delete one of "
             "the two"],
        ),
        (
            [("hidden = [30]", 'hidden = [30, "size"]'), (L2, f"{L2}\n{SIZE}")],
            ["11: network.hidden[1]: names 'size', which has a value only when method = 'l2'; "
             "search it without `when`, or set a value here"],
        ),
        (
            [("hidden = [30]", 'hidden = [30, "size"]'),
             (L2, f"{L2}\n{SIZE}".replace("low = 5", "low = 0").replace('"l2" }', "METHODS }")
              .replace("METHODS", '["none", "l2", "both"]'))],
            ["22: search_space.size: network.hidden[1]: must be at least 1, got 0"],
        ),
        (
            [(METHOD, METHOD.replace(" }", ', when = { optimizer = "sgd" } }')),
             ("epochs = 2", ""),
             (L2, 'epochs = { type = "int", low = 1, high = 3, when = { method = ["l2"] } }\n'
                  'iterations = { type = "int", low = 1, high = 3, when = { method = "none" } }')],
            ["13: training: exactly one of epochs and iterations must be given; trials with "
             "optimizer = 'momentum' break this"],
        ),
        (
            [(L2, 'initializer = { type = "categorical", choices = ["he", "normal"] }\n'
                  'initial_deviation = { type = "float", low = 0.1, high = 0.2, when = '
                  '{ initializer = "normal", method = "none" } }')],
            ["10: network: initial_deviation must be given with initializer = 'normal'; trials "
             "with method = 'l2' and initializer = 'normal' break this"],
        ),
        (
            [(ENQUEUED, 'optimizer = "momentum"\nlearning_rate = 0.2\nl2 = 0.1\n')],
            ["25: enqueue[0].learning_rate: is active only when optimizer = 'sgd', which this "
             "point excludes; delete it here"],
        ),
        (
            [(ENQUEUED, "learning_rate = 0.2\nl2 = 0.1\n")],
            [],
        ),
        (
            [("trials = 5", 'trials = 99\nsampler = "grid"'),
             (L2, L2.replace('"float", low = 0.1, high = 0.2', '"categorical", choices = [1, 2]'))],
            ["3: study.trials: must be at most 21, the grid's size, got 99"],
        ),
        (
            [("trials = 5", 'trials = 99\nsampler = "grid"'), l2_when('{ methd = "l2" }')],
            ["22: search_space.l2.when.methd: is not in [search_space]; did you mean 'method'?",
             "22: search_space.l2: must be of type 'categorical' for sampler = 'grid', "
             "got 'float'"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_condition_is_named_and_nothing_else(tmp_path, changes, expected):
    path = write(tmp_path, VALID, *changes)
    if expected:
        assert mistakes(path) == [f"my.toml:{line}" for line in expected]
    else:
        load_study(path)


def test_a_condition_is_overridden_like_any_value(tmp_path):
    path = write(tmp_path, VALID)
    assert load_study(path, ["search_space.l2.when.method=l2"]).search_space["l2"].conditions == {
        "method": ("l2",)
    }
    assert mistakes(path, "search_space.l2.when.method=l1") == [
        "--set: search_space.l2.when.method: must be one of its choices ['none', 'l2', 'both'], "
        "got 'l1'"
    ]


def test_keys_that_must_not_meet_are_found_among_many_combinations(tmp_path):
    switches = "".join(
        f'use_{n} = {{ type = "categorical", choices = [false, true] }}\n'
        f'decay_{n} = {{ type = "categorical", choices = [1, 2], when = {{ use_{n} = true }} }}\n'
        for n in range(20)
    )
    meeting = (
        'initializer = { type = "categorical", choices = ["he", "normal"] }\n'
        'initial_deviation = { type = "float", low = 0.1, high = 0.2, when = '
        '{ initializer = "normal", use_19 = false } }'
    )
    path = write(tmp_path, VALID, (L2, f"{L2}\n{switches}{meeting}"))
    found = [line for line in mistakes(path) if "search_space.decay_" not in line]
    assert found == [
        "my.toml:10: network: initial_deviation must be given with initializer = 'normal'; trials "
        "with use_19 = True and initializer = 'normal' break this"
    ]
