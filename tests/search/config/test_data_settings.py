"""`[data]` of a study file: what goes with which data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from studyhall.search.common.errors import UsageError
from studyhall.search.config.study_file import load_study

TEXT = """\
[study]
name = "mine"

[data]
name = "{name}"
{key} = {value}
train = 211
validation = 100

[network]
hidden = [20, 3]

[training]
epochs = 2

[search_space]
learning_rate = {{ type = "float", low = 1e-4, high = 1e-1, log = true }}
"""


def write(folder: Path, name: str, key: str, value: str) -> Path:
    path = folder / "my.toml"
    path.write_text(TEXT.format(name=name, key=key, value=value), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["two_moons", "two_blobs"])
@pytest.mark.parametrize("noise", ["0", "0.25", "100.0"])
def test_points_may_be_given_a_noise(tmp_path: Path, name: str, noise: str) -> None:
    spec = load_study(write(tmp_path, name, "noise", noise))
    assert spec.data_settings.noise == float(noise)


@pytest.mark.parametrize("name", ["two_moons", "mnist", "cifar10"])
def test_without_a_noise_every_data_set_has_its_own(tmp_path: Path, name: str) -> None:
    assert load_study(write(tmp_path, name, "seed", "4294967295")).data_settings.noise is None


@pytest.mark.parametrize(
    ("name", "key", "value", "rule"),
    [
        ("cifar10", "noise", "0.3", "goes only with two_blobs or two_moons, got 0.3 for cifar10"),
        ("mnist", "noise", "0", "goes only with two_blobs or two_moons, got 0.0 for mnist"),
        ("two_moons", "noise", "-0.1", "must be at least 0.0, got -0.1"),
        ("two_moons", "noise", "100.1", "must be at most 100.0, got 100.1"),
        ("two_moons", "noise", "inf", "must be a finite number, got inf"),
        ("two_moons", "noise", "nan", "must be a finite number, got nan"),
        ("two_moons", "noise", '"much"', "must be a number, got 'much'"),
        ("two_moons", "nois", "0.3", "unknown key; did you mean 'noise'?"),
        ("two_moons", "image_size", "0", "must be at least 1, got 0"),
        ("two_moons", "test_share", "1.0", "must be below 1.0, got 1.0"),
        ("two_moons", "seed", "4294967296", "must be below 4294967296, got 4294967296"),
        ("two_moons", "test", "0", "must be at least 1, got 0"),
        (
            "mnist",
            "path",
            '"pets"',
            "goes with a name of your own, got 'mnist', which is a data set here",
        ),
        (
            "my pets",
            "path",
            '"pets"',
            "goes with a name of letters, digits, '.', '_' and '-' that "
            "begins with a letter or digit, got 'my pets'",
        ),
        ("mnist", "image_size", "32", "goes only with data.path, got 32"),
        ("mnist", "test_share", "0.2", "goes only with data.path, got 0.2"),
    ],
)
def test_what_does_not_fit_is_named_with_line_key_rule_and_value(
    tmp_path: Path, name: str, key: str, value: str, rule: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_study(write(tmp_path, name, key, value))
    assert str(caught.value) == f"my.toml:6: data.{key}: {rule}"


@pytest.mark.parametrize("key", ["train", "validation"])
def test_how_much_to_train_on_is_left_out_of_own_data_alone(tmp_path: Path, key: str) -> None:
    lines = TEXT.format(name="pets", key="path", value='"pets"').splitlines()
    path = tmp_path / "my.toml"
    path.write_text("\n".join(line for line in lines if not line.startswith(key)))
    assert getattr(load_study(path).data_settings, key) == 0
    lines[4:6] = ['name = "mnist"', "seed = 1"]
    path.write_text("\n".join(line for line in lines if not line.startswith(key)))
    with pytest.raises(UsageError) as caught:
        load_study(path)
    assert str(caught.value) == f"my.toml:4: data.{key}: is required"


def test_a_path_means_the_study_files_folder_and_an_override_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, here = write(tmp_path, "pets", "path", '"../pets"'), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert load_study(path).data_settings.path == str(tmp_path.parent / "pets")
    overridden = load_study(path, ["data.path=mine"]).data_settings.path
    assert overridden == str(here / "mine")


def test_noise_cannot_be_searched(tmp_path: Path) -> None:
    path = write(tmp_path, "two_moons", "seed", "1")
    path.write_text(path.read_text() + 'noise = { type = "float", low = 0.1, high = 0.2 }\n')
    with pytest.raises(UsageError) as caught:
        load_study(path)
    assert str(caught.value) == (
        "my.toml:18: search_space.noise: cannot be searched: all trials share one split"
    )


def test_the_settings_that_all_trials_share_are_made_once_for_each_study():
    spec = load_study("cifar10")
    assert spec.data_settings is spec.data_settings
    smaller = spec.model_copy(update={"data": {**spec.data, "train": 7}})
    assert (spec.data_settings.train, smaller.data_settings.train) == (45000, 7)
    assert spec == load_study("cifar10")  # also after one of them has made its settings
