"""A Dask cluster, reached at its scheduler's address: its workers, and calls to them."""

from __future__ import annotations

import asyncio
import platform
import re
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import distributed
from distributed import Client
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from studyhall.search.common.errors import StudyhallError, UsageError

Result = TypeVar("Result")
CONNECT_SECONDS = 10.0
PATIENCE_SECONDS = 300.0  # how long a launch waits for a scheduler that went away
_REACH_SECONDS = 40.0  # Dask needs 30 to find that a worker cannot be reached
_ASK_AGAIN_SECONDS = 600.0  # after which a worker that could not be reached is asked again
_ADDRESS = re.compile(r"(tcp|tls)://[^/\s]+:\d+")
HERE = "here"  # in place of an address: the cluster that this process is a worker of


class Cluster:
    """A cluster, whose scheduler and workers may be away for a while.

    Attributes:
        hosts: The names of the hosts that `count_workers` has found.

    Args:
        address: The scheduler's address, or `HERE`.

    Raises:
        UsageError: the address is malformed, no scheduler answers there, or it is encrypted and
            there are no certificates.
    """

    def __init__(self, address: str) -> None:
        if address != HERE and not _ADDRESS.fullmatch(address):
            raise UsageError(
                "--cluster: must be the address of a Dask scheduler as tcp://host:8786 (tls:// "
                f"where it is encrypted), got '{address}'"
            )
        if address.startswith("tls://"):
            _require_certificates(address)
        self.address = address
        self.hosts: set[str] = set()
        self._ask_after: dict[str, float] = {}  # when to ask each worker for its host's name
        self.client = self._connect()
        self._scheduler = self._identity()

    def _connect(self) -> Client:
        try:
            if self.address == HERE:
                return distributed.get_client()
            # Dask prints a table as large as a screen; `cluster_check` has a sentence for it.
            warnings.filterwarnings("ignore", category=VersionMismatchWarning)
            return Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"--cluster: no Dask scheduler answers at {self.address} ({reason(error)}); "
                "start one with `dask scheduler`, or correct the address"
            ) from None

    def _identity(self) -> object:
        return self.client._scheduler_identity.get("id")

    @property
    def answers(self) -> bool:
        """Whether the scheduler that this client connected to still answers."""
        return self.client.status == "running" and self._identity() == self._scheduler

    def reconnect(self) -> None:
        """Wait for a scheduler that went away, or for another at the same address.

        Raises:
            StudyhallError: none has answered for minutes.
        """
        self.close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.client = self._connect()
                self._scheduler = self._identity()
                return
            except UsageError as error:
                if time.monotonic() >= deadline:
                    raise StudyhallError(
                        f"the cluster at {self.address} has not answered for "
                        f"{PATIENCE_SECONDS:.0f} s; launch again when it is back: finished trials "
                        "are kept"
                    ) from error
                time.sleep(1.0)

    def close(self) -> None:
        """Close the connection; calls that have not begun are dropped."""
        if self.address != HERE:
            self.client.close(timeout=CONNECT_SECONDS)

    def workers(self) -> dict[str, int]:
        """The workers' addresses, and how many threads each has.

        Raises:
            StudyhallError: the scheduler does not answer.
        """
        with _explained(self.address):
            scheduler: Any = self.client.scheduler
            asked = self.client.sync(scheduler.ncores, callback_timeout=CONNECT_SECONDS)
        return {str(address): int(threads) for address, threads in asked.items()}

    def count_workers(self) -> int:
        """The number of workers; new ones are asked for the names of their hosts.

        Raises:
            StudyhallError: the scheduler does not answer.
        """
        addresses, now = set(self.workers()), time.monotonic()
        if new := [one for one in sorted(addresses) if self._ask_after.get(one, 0.0) <= now]:
            self._ask_after |= dict.fromkeys(new, now + _ASK_AGAIN_SECONDS)
            answers = self.ask(CONNECT_SECONDS, platform.node, workers=new)
            known = {one: name for one, name in answers.items() if isinstance(name, str)}
            self._ask_after |= dict.fromkeys(known, float("inf"))
            self.hosts |= set(known.values())
        return len(addresses)

    def ask(
        self,
        seconds: float,
        function: Callable[..., Result],
        *arguments: object,
        workers: list[str] | None = None,
        reach: float = _REACH_SECONDS,
    ) -> dict[str, Result | BaseException]:
        """Call a function in each worker, beside its trial.

        Args:
            seconds: How long the function may take.
            function: A function of a module.
            arguments: Picklable.
            workers: The addresses of the workers; by default all.
            reach: How many seconds more it may take to reach them.

        Returns:
            What the function returned or raised, by the worker's address. Workers that cannot be
            reached are left out.

        Raises:
            StudyhallError: the cluster does not answer in that time.
        """

        def call() -> dict[str, Result | BaseException]:
            run = _call_in_thread, seconds, function, arguments
            return dict(self.client.run(*run, workers=workers, on_error="return"))

        answers = self._within(seconds + reach, call)
        return {address: found for address, found in answers.items() if not _is_unreachable(found)}

    def versions(self, libraries: Sequence[str]) -> dict[str, Any]:
        """The versions of libraries at the "scheduler", and at the "workers" by address.

        Raises:
            StudyhallError: the cluster does not answer.
        """
        client: Any = self.client
        return self._within(
            CONNECT_SECONDS, lambda: dict(client.get_versions(packages=list(libraries)))
        )

    def _within(self, seconds: float, call: Callable[[], Result]) -> Result:
        """Call, and wait no longer than this: Dask waits for minutes for a worker that hangs."""
        found: list[Result] = []
        failed: list[BaseException] = []

        def make() -> None:
            try:
                found.append(call())
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=make, name="asking the cluster", daemon=True)
        thread.start()
        thread.join(seconds)
        if not found:
            why = reason(failed[0]) if failed else f"no answer in {seconds:.0f} s"
            raise StudyhallError(
                f"a worker of the cluster at {self.address} does not answer ({why})"
            )
        return found[0]

    def submit(
        self, function: Callable[..., Any], *arguments: object, key: str, workers: Collection[str]
    ) -> Any:
        """Have one of these workers call a function; return its future."""
        return self.client.submit(
            function, *arguments, key=key, pure=False, workers=sorted(workers)
        )

    def workers_with(self, future: Any) -> set[str]:
        """The workers that hold the result of a call; none if they are gone."""
        with _explained(self.address):
            return {str(one) for held in self.client.who_has([future]).values() for one in held}


def _require_certificates(address: str) -> None:
    """Check that Dask has the certificates it needs; its own errors would be tracebacks."""
    needed = ", ".join(f"DASK_DISTRIBUTED__COMM__TLS__{n}" for n in ("CLIENT__CERT", "CLIENT__KEY"))
    way_out = f"set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, {needed} to your certificate files"
    try:
        context = Security().get_connection_args("client")["ssl_context"]
    except OSError as error:
        raise UsageError(
            f"--cluster: the certificates for {address} cannot be read ({reason(error)}); {way_out}"
        ) from None
    if context is None:
        raise UsageError(f"--cluster: {address} needs certificates, got none; {way_out}")


async def _call_in_thread(
    seconds: float, function: Callable[..., Result], arguments: tuple[object, ...]
) -> Result:
    """Call a function in a thread: the worker's own runs a trial, and its loop must stay free."""
    return await asyncio.wait_for(asyncio.to_thread(function, *arguments), seconds)


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError) as error:
        raise StudyhallError(
            f"the cluster at {address} does not answer ({reason(error)})"
        ) from error


def _is_unreachable(found: object) -> bool:
    """Whether this is no error of a worker, but Dask's own, which says that it cannot reach it."""
    if isinstance(found, TimeoutError) or not isinstance(found, OSError):
        return False
    return found.errno is None


def reason(error: object) -> str:
    """An error's text, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
