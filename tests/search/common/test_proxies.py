"""Proxies of the environment: no request to this machine takes one, and a failed one names it."""

from __future__ import annotations

import pytest
from requests.utils import get_environ_proxies

from studyhall import UsageError
from studyhall.search.common.progress import SILENT
from studyhall.search.common.proxies import reach_this_machine_directly
from studyhall.search.data.downloads import Archive, UnavailableError, download
from studyhall.search.tracking.client import open_client

CLOSED = "http://127.0.0.1:9"
VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in (*VARIABLES, "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)


@pytest.mark.parametrize("given", ["", "example.org, 10.0.0.0/8", "*"])
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_this_machine_is_reached_directly_and_others_as_before(monkeypatch, given, variable):
    for name in VARIABLES:
        monkeypatch.setenv(name, CLOSED)
    monkeypatch.setenv(variable, given)
    reach_this_machine_directly()
    for host in ("127.0.0.1:5000", "127.8.9.1", "localhost", "[::1]:5000"):
        assert not get_environ_proxies(f"http://{host}/")
    assert bool(get_environ_proxies("https://example.com")) == (given != "*")
    assert bool(get_environ_proxies("https://example.org")) == (given == "")


def refused(monkeypatch, variable: str, address: str) -> str:
    monkeypatch.setenv(variable, CLOSED)
    with pytest.raises(UsageError) as caught:
        open_client(address)
    return str(caught.value)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_a_server_behind_a_proxy_that_fails_is_reported_with_the_variable(monkeypatch, variable):
    said = refused(monkeypatch, variable, "http://mlflow.invalid:5000")
    assert f"through the proxy that {variable} names; correct it, or add the host to no" in said
    assert not get_environ_proxies("http://localhost:5000")


def test_a_download_that_a_proxy_fails_names_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTPS_PROXY", CLOSED)
    with pytest.raises(UnavailableError, match="refused, through the proxy that HTTPS_PROXY names"):
        download(Archive("a", "https://data.invalid/a", ""), tmp_path, SILENT)
