"""Random study files, options and stores: valid ones, spoilt in ways that people and disks have."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from studyhall.search.config.study_file import shipped_studies
from tests.search.moons import SPEC

POINTS = {"name": "two_moons", "train": 40, "validation": 40}
TEXTS = [
    *("", " ", "a\nb", "\0", "\x1b[31m", "😀", "é" * 300, "x" * 300, "x" * 5000, "../.."),
    *("~nosuchuser/x", "[red]", "'", '"', "\\", "\u202e", "\ufeff", "ß"),
    *("None", "nan", "$x$", "a/../b", "{}", "%s", "{0}"),
    *("hidden_size", "learning_rate", "tpe", "grid", "gp", "cmaes", "qmc", "adam", "relu", "he"),
    *("validation_loss", "minimize", "step", "cosine", "normal", "hyperband", "unit"),
    *("float", "int"),
]  # fmt: skip
NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 3, 10, 255, 2**31, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**30),
    *(0.0, -0.0, 0.5, 1.0, 1e-300, 5e-324, 1e300, 1.7e308, True, False, 1e-7, 0.1, 0.3, 1e15),
    *(float("inf"), float("-inf"), float("nan")),
]  # fmt: skip
RAW = [
    "9" * 5000,
    "0x" + "f" * 5000,
    "[" * 3000 + "]" * 3000,
    "{a=" * 500 + "1" + "}" * 500,
    "1e999999",
    "1979-05-27T07:32:00Z",
    "9999-99-99",
    '"\\ud800"',
    "'''\n'''",
    '"""' + "x" * 2000 + '"""',
]
# Values that a key can have, the ends of their ranges among them.
SOUND: dict[str, dict[str, list[Any]]] = {
    "study": {"sampler": ["tpe", "random", "qmc", "cmaes"], "window": [1, 10**9],
              "pruner": ["none", "median", "successive_halving", "hyperband"],
              "seed": [0, 2**32 - 1], "trials": [1, 100_000], "name": ["a" * 100, "a.1", "0"]},
    "data": {"seed": [0, 2**32 - 1], "noise": [0.0, 5e-324, 100.0], "shuffle": [False],
             "preprocessing": ["none", "mean_image"], "test": [1, 10_000]},
    "network": {"activation": ["relu", "tanh", "sigmoid"], "dropout": [0.0, 0.999999],
                "loss": ["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"],
                "initializer": ["he", "glorot"], "hidden": [[], [1], [3, 2], [1] * 100, [5000]]},
    "training": {"optimizer": ["sgd", "nesterov", "adam"], "schedule": ["step", "exponential"],
                 "l2": [0.0, 1e300], "batch_size": [1, 10**6], "epochs": [1, 10**9],
                 "keep": ["best"], "evaluate_every": [10**9], "repeat": [2**63 - 1],
                 "sampling": ["with_replacement"], "warmup_iterations": [1]},
}  # fmt: skip
RANGES: list[dict[str, Any]] = [
    {"type": "float", "low": 5e-324, "high": 1.7e308, "log": True},
    {"type": "float", "low": 5e-324, "high": 1.7e308},
    {"type": "float", "low": 0.1, "high": 0.7, "step": 0.1},
    {"type": "float", "low": 0.5, "high": 0.5 + 2**-53},
    {"type": "float", "low": 0.0001, "high": 100.0, "step": 0.0001, "when": {"how": "a"}},
    {"type": "int", "low": 1, "high": 2**53},
    {"type": "int", "low": 1, "high": 2**53, "log": True},
    {"type": "int", "low": 1, "high": 10, "step": 3},
    {"type": "categorical", "choices": [1e-3, 1, 10**6]},
]
Tables = dict[str, Any]


class Fuzzer:
    """Draws inputs; equal generators draw equal inputs."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._bases = [copy.deepcopy(SPEC)]
        for path in shipped_studies().values():
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
            for section in ("training", "search_space"):
                tables[section].pop("mirror", None)  # points have no left and right
            tables["study"]["trials"] = 1 if tables["study"].get("sampler") == "grid" else 2
            self._bases.append({**tables, "data": dict(POINTS)})

    def _one(self, choices: Any) -> Any:
        return choices[int(self._generator.integers(len(choices)))]

    def _some(self, most: int) -> int:
        return int(self._generator.integers(1, most + 1))

    def value(self, depth: int = 2) -> Any:
        """A value of any type."""
        kind = self._generator.integers(6 if depth else 4)
        if kind < 2:
            return self._one(NUMBERS)
        if kind < 4:
            return self._one(TEXTS)
        if kind == 4:
            return [self.value(depth - 1) for _ in range(self._generator.integers(4))]
        return {self.key(): self.value(depth - 1) for _ in range(self._generator.integers(3))}

    def key(self) -> str:
        return str(self._one([*TEXTS, *SPEC, "low", "high", "step", "log", "when", "choices"]))

    def parameter(self) -> Any:
        """A parameter, most of whose keys make sense."""
        kind = self._one(["float", "int", "categorical"])
        made: Tables = {"type": kind}
        if kind == "categorical":
            made["choices"] = [self.value(0) for _ in range(self._generator.integers(5))]
        else:
            made["low"], made["high"] = self._one(NUMBERS), self._one(NUMBERS)
            for key in ("step", "log"):
                if self._generator.random() < 0.3:
                    made[key] = self._one(NUMBERS)
        if self._generator.random() < 0.2:
            made["when"] = {self.key(): self.value(1)}
        return made

    def study(self) -> bytes:
        """The text of a study file."""
        tables = copy.deepcopy(self._one(self._bases))
        tables["study"]["name"] = "fuzzed"
        if sound := self._generator.random() < 0.3:
            for _ in range(self._some(3)):
                self._change_soundly(tables)
        for _ in range(0 if sound else self._one([1, 1, 1, 2, 3])):
            self._change(tables)
        try:
            text = tomli_w.dumps(tables)
        except (ValueError, TypeError, AttributeError, RecursionError):
            text = tomli_w.dumps(self._bases[0])
        content = text.encode("utf-8", errors="surrogatepass")
        for spoil in (self._raw, self._line, self._byte):
            if self._generator.random() < 0.07:
                content = spoil(content)
        return content

    def _change_soundly(self, tables: Tables) -> None:
        """Give a key or a parameter another value that makes sense, at least by itself."""
        space = tables["search_space"]
        if self._generator.random() < 0.6:
            section = self._one([*SOUND])
            key = self._one([*(SOUND[section].keys() - space.keys())])
            tables[section][key] = self._one(SOUND[section][key])
            return
        table = self._one(RANGES)
        if "when" in table:
            tables["search_space"] = {
                "how": {"type": "categorical", "choices": ["a", "b"]},
                **space,
            }
            tables["network"]["dropout"] = tables["training"]["l2"] = 0.0
        tables["search_space"][self._one([*space, "learning_rate", "l2", "batch_size"])] = table

    def _change(self, tables: Tables) -> None:
        """Change a place anywhere in a study's tables."""
        table: Any = tables
        for _ in range(self._some(3)):
            inner = [value for value in table.values() if isinstance(value, dict) and value]
            if not inner:
                break
            table = self._one(inner)
        ways: list[Callable[[], object]] = [
            lambda: table.update({self._one([*table] or ["x"]): self.value()}),
            lambda: table.update({self._one([*table] or ["x"]): self.value()}),
            lambda: table.update({self.key(): self.value()}),
            lambda: table.pop(self._one([*table]), None) if table else None,
            lambda: tables.setdefault("search_space", {}).update({self.key(): self.parameter()}),
            lambda: tables["search_space"].update(
                {self._one([*tables["search_space"]]): self.parameter()}
            ),
            lambda: tables.update(enqueue=[{self.key(): self.value(1)}]),
            lambda: tables["network"].update(hidden=[self.value(0)]),
            lambda: tables["study"].update(sampler=self._one(["grid", "qmc", "cmaes", "random"])),
            lambda: tables.update(finalists={self.key(): self.value(0)}),
        ]
        with suppress(KeyError, TypeError, AttributeError, ValueError):  # the place is gone
            self._one(ways)()

    def _raw(self, content: bytes) -> bytes:
        lines = content.split(b"\n")
        place = int(self._generator.integers(len(lines)))
        key = lines[place].partition(b"=")[0].strip() or b"x"
        lines[place] = key + b" = " + self._one(RAW).encode()
        return b"\n".join(lines)

    def _line(self, content: bytes) -> bytes:
        lines = content.split(b"\n")
        place = int(self._generator.integers(len(lines)))
        return b"\n".join(
            [*lines[:place], lines[self._generator.integers(len(lines))], *lines[place:]]
        )

    def _byte(self, content: bytes) -> bytes:
        if self._generator.random() < 0.2:
            return b"\xef\xbb\xbf" + content
        place = int(self._generator.integers(len(content)))
        if self._generator.random() < 0.3:
            return content[:place]
        return content[:place] + bytes([self._generator.integers(256)]) + content[place + 1 :]

    def options(self) -> list[str]:
        """The words of a command."""
        command = self._one([["launch", "moons.toml"], ["status", "moons.toml"], ["best", "moons"],
                             ["list"], ["doctor", "moons"], ["evaluate", "moons"], ["replay", "x"],
                             ["report", "moons"], ["export", "moons", "out.csv"], ["gc"], ["sync"],
                             ["compare", "moons", "moons"], ["finalists", "moons"],
                             ["stop", "moons"],
                             ["predict", "moons", "x.png"], ["data", "verify", "two_moons"],
                             ["check", "moons.toml"]])  # fmt: skip
        words = [str(word) for word in command]
        if len(words) > 1 and self._generator.random() < 0.3:
            words[-1] = self.word()
        names = ["--trials", "--timeout", "--jobs", "--name", "--storage", "--tracking-uri",
                 "--set",
                 "--set", "--set", "--data-dir", "--attempts", "--configurations", "--seeds",
                 "--keep-weights"]  # fmt: skip
        for _ in range(self._generator.integers(3)):
            name = self._one(names)
            words += [name, self.assignment() if name == "--set" else self.word()]
        return words

    def word(self) -> str:
        """A word that a shell can pass on."""
        others = ["http://[::1", "postgresql://[", "odd://x", "/", ".", "\udcff", "-1", "x.toml"]
        word = str(self._one([*TEXTS, *others, *map(str, NUMBERS)]))
        return word.replace("\0", "")

    def assignment(self) -> str:
        """An argument of --set."""
        sections = [(section, key) for section, table in SPEC.items() for key in table]
        section, key = self._one(sections)
        value = self._one([*RAW, *map(repr, TEXTS), *map(str, NUMBERS)])
        return f"{self._one([section, section, self.word()])}.{key}={value}".replace("\0", "")

    def spoil(self, path: Path) -> None:
        """Damage a file of a store."""
        content = bytearray(path.read_bytes())
        for _ in range(self._some(3)):
            kind = self._generator.integers(5)
            place = int(self._generator.integers(len(content) + 1))
            if kind == 0:
                del content[place:]
            elif kind == 1:
                content[place : place + 50] = bytes(min(50, len(content) - place))
            elif kind == 2:
                content[place:place] = self._generator.bytes(20)
            elif kind == 3:
                content[place:place] = b"\n"
            else:
                del content[place : place + 30]
        path.write_bytes(bytes(content))
