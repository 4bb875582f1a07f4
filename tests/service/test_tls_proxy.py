"""MLflow behind TLS, as docs/security.md sets it up: nginx with the page's own configuration."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import requests

from studyhall.search.common.errors import UsageError
from studyhall.search.tracking.client import open_client
from tests.service.certificates import Authority
from tests.service.nginx import LIMIT, MISSING, Nginx, find_nginx
from tests.service.users import READER, Signed, credentials, signed_in


@pytest.fixture(scope="module")
def proxy(guarded, tmp_path_factory) -> Iterator[Nginx]:
    program = find_nginx()
    if program is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("nginx")
    authority = Authority(folder / "authority", "DNS:localhost")
    started = Nginx(program, folder, guarded.server.port, authority)
    yield started
    started.stop()


@pytest.fixture
def trusted(proxy, monkeypatch) -> Nginx:
    """The proxy, with its authority trusted."""
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(proxy.authority.certificate))
    return proxy


def upload(proxy: Nginx, size: int) -> requests.Response:
    secret = credentials("ada")
    return requests.put(
        f"{proxy.address}/api/2.0/mlflow-artifacts/artifacts/big.bin",
        data=bytes(size),
        auth=(secret["MLFLOW_TRACKING_USERNAME"], secret["MLFLOW_TRACKING_PASSWORD"]),
        verify=str(proxy.authority.certificate),
        timeout=60,
    )


def test_a_study_is_launched_through_it(trusted, guarded, tmp_path):
    class Behind(Signed):
        tracking_uri = trusted.address

    with signed_in("ada"):
        study = Behind(tmp_path, guarded)
        summary = study.launch(study={"name": "behind", "trials": 1})
    assert (summary.complete, summary.champion_version) == (1, "1")
    assert summary.pages is not None
    assert summary.pages.study.startswith(f"{trusted.address}/#/experiments/")


def test_a_server_with_a_certificate_of_another_authority_is_refused(proxy, tmp_path, monkeypatch):
    stranger = Authority(tmp_path / "stranger", "DNS:localhost")
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(stranger.certificate))
    with signed_in(READER), pytest.raises(UsageError) as caught:
        open_client(proxy.address)
    assert str(caught.value).endswith(
        "(its certificate is not signed by an authority that is trusted here; set "
        "MLFLOW_TRACKING_SERVER_CERT_PATH to the authority's file)"
    )


def test_a_request_that_is_too_big_is_refused(proxy):
    assert upload(proxy, LIMIT + 1).status_code == 413


def test_another_name_is_refused(proxy):
    named = {"Host": "evil.example"}
    authority = str(proxy.authority.certificate)
    with requests.get(
        f"{proxy.address}/health", headers=named, verify=authority, timeout=60
    ) as answer:
        assert answer.status_code == 421


def test_a_handshake_for_another_name_is_refused(proxy):
    asked = ["openssl", "s_client", "-connect", f"localhost:{proxy.port}"]
    done = subprocess.run(
        [*asked, "-servername", "evil.example"], input="", capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "unrecognized name" in done.stderr
