"""The way from one machine to a server, which a test can close for this machine alone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Gateway:
    """Passes on what comes to a port of its own, while it is open."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._behind = port
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self.address = f"http://{host}:{self.port}"
        self._passing: list[socket.socket] = []
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut all connections, and every new one."""
        self._closed = True
        for end in self._passing:
            _shut(end)

    def open(self) -> None:
        """Let new connections pass again."""
        self._closed = False

    def remove(self) -> None:
        """End for good."""
        self.close()
        _shut(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._closed:
                    _shut(near)
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self._behind))
                except OSError:  # the server is away
                    _shut(near)
                    continue
                self._passing += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _shut(source)
    _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
