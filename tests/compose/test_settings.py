"""What Compose makes of the file and the settings, before anything starts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from textwrap import dedent

import pytest

from tests.compose.stack import COMPOSE_FILE, PASSWORDS, PORTS, ROOT, Stack

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


def test_the_file_is_valid(unstarted):
    unstarted.compose("--profile", "*", "config", "--quiet")


def test_the_example_alone_starts_nothing(unstarted, tmp_path):
    (tmp_path / ".env").write_text(EXAMPLE)
    refused = replace(unstarted, folder=tmp_path).compose("config", "--quiet", check=False)
    assert refused.returncode != 0
    for name in PASSWORDS:
        assert f"{name} is missing a value: must be set in .env; see .env.example" in refused.stderr


@pytest.mark.parametrize("name", PASSWORDS)
def test_nothing_starts_without_a_password(unstarted, tmp_path, name):
    lacking = replace(unstarted, folder=tmp_path, settings={**unstarted.settings, name: ""})
    lacking.write()
    refused = lacking.compose("up", "--detach", check=False)
    assert refused.returncode != 0
    assert f"{name} is missing a value: must be set in .env; see .env.example" in refused.stderr
    assert not lacking.compose("ps", "--all", "--quiet", check=False).stdout


def test_users_of_mlflow_need_a_key_too(unstarted, tmp_path):
    settings = {**unstarted.settings, "MLFLOW_ADMIN_PASSWORD": "a long password"}
    lacking = replace(unstarted, folder=tmp_path, settings=settings)
    lacking.write()
    refused = lacking.compose("config", "--quiet", check=False)
    assert refused.returncode != 0
    assert "must be set in .env where MLFLOW_ADMIN_PASSWORD is" in refused.stderr


def test_the_example_names_every_setting_and_no_password():
    text = COMPOSE_FILE.read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z0-9_]+)", text)) | {"OPENBLAS_CORETYPE"}
    named = dict(re.findall(r"^#?([A-Z0-9_]+)=([^ \n]*)", EXAMPLE, re.MULTILINE))
    assert set(named) == used
    assert {named[name] for name in (*PASSWORDS, "MLFLOW_ADMIN_PASSWORD")} == {""}


def test_the_example_has_the_defaults():
    defaults = dict(re.findall(r"\$\{([A-Z0-9_]+):-([^}]+)\}", COMPOSE_FILE.read_text("utf-8")))
    named = dict(re.findall(r"^#([A-Z0-9_]+)=([^ \n]*)", EXAMPLE, re.MULTILINE))
    assert {name: named[name] for name in defaults} == defaults


def test_images_of_others_have_a_version():
    images = re.findall(r"image: \$\{\w+:-([^}]+)\}", COMPOSE_FILE.read_text("utf-8"))
    assert all(re.search(r":\d+(\.\d+)*$", image) for image in images), images


def test_ports_are_those_of_the_settings_on_loopback(unstarted):
    config = json.loads(unstarted.compose("--profile", "*", "config", "--format", "json").stdout)
    ports = [port for service in config["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    assert {port["published"] for port in ports} == {
        *(unstarted.settings[name] for name in PORTS),
        "8080",
    }


def test_every_container_has_its_limits(unstarted: Stack):
    config = json.loads(unstarted.compose("--profile", "*", "config", "--format", "json").stdout)
    for name, service in config["services"].items():
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["options"]["max-size"], name


def test_the_scheduler_s_port_is_closed_as_the_page_says(unstarted, tmp_path):
    page = (ROOT / "docs" / "compose.md").read_text("utf-8")
    [block] = re.findall(r"^ {6}services:\n(?: {8}.*\n)+", page, re.MULTILINE)
    override = tmp_path / "override.yml"
    override.write_text(dedent(block))
    config = unstarted.compose("--file", str(override), "config", "--format", "json")
    ports = json.loads(config.stdout)["services"]["scheduler"]["ports"]
    assert [(port["host_ip"], port["published"]) for port in ports] == [("127.0.0.1", "8787")]
