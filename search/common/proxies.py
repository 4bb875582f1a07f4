"""The environment's proxies: not for this machine, and named where a request fails."""

from __future__ import annotations

import os
import platform
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.0/8", "::1")


def reach_this_machine_directly() -> None:
    """Have no request to this machine go through a proxy, in this process and its children."""
    for variable in ("no_proxy", "NO_PROXY"):  # libraries read one or the other
        given = os.environ.get(variable) or os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        hosts = [host for host in (given or "").replace(" ", "").split(",") if host]
        if "*" not in hosts:
            own = (host for host in (*_LOOPBACK, platform.node()) if host not in hosts)
            os.environ[variable] = ",".join([*hosts, *own])


def through_proxy(url: str) -> str:
    """What to add to the reason why a request failed: the proxy's variable; "" if it has none.

    Args:
        url: What was asked for.
    """
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    if proxy is None:
        return ""
    names = (f"{urlsplit(url).scheme}_proxy", "all_proxy")
    variables = (form for name in names for form in (name, name.upper()))
    variable = next((name for name in variables if os.environ.get(name) == proxy), "the system")
    return f", through the proxy that {variable} names; correct it, or add the host to no_proxy"
