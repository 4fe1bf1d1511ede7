"""Starting the server: one address, said first, and no other."""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from conet.base.errors import ConetError
from conet.base.terminal import tell
from conet.serve.app import guarded
from conet.serve.library import Library
from conet.serve.safety import Guard


def serve(library: Library, host: str, port: int, open_page: bool) -> None:
    """Serve the page until SIGINT or SIGTERM, and end the process; the first line of stdout is its address.

    Parameters
    ----------
    library
        The runs.
    host
        Where to listen: beyond loopback the address holds a token.
    port
        0 for any that is free.
    open_page
        Whether to open it in the browser.

    Raises
    ------
    ConetError
        When the port is taken.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the server has its own
    listening = listen(host, port)
    port = listening.getsockname()[1]
    guard = guarded(library, host, port)
    settings = uvicorn.Config(
        guard, log_level="error", server_header=False, date_header=False, timeout_graceful_shutdown=1
    )
    address = address_of(guard)
    print(address)
    sys.stdout.flush()
    if open_page:
        webbrowser.open(address)
    asyncio.run(_Server(settings).until_told([listening]))


class _Server(uvicorn.Server):
    """Ends when it is told to, whatever requests are open."""

    async def until_told(self, sockets: list[socket.socket]) -> None:
        """Serve until a signal, then end the process: exit code 0.

        A read in a thread cannot be ended, and Python would wait for it. Nothing is lost: the page has no
        state of its own, and runs that it has started are processes of their own.
        """
        await self.serve(sockets)
        tell("the page is closed")
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals as the wish to end; they are not raised again at the end, as uvicorn would."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told)
        yield

    def _told(self, number: int, frame: object) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # of requests that are broken off
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    ConetError
        When the port is taken, or there is no such host on this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            remedy = "`--port 0` takes one that is free, or name another"
            raise ConetError(f"--port {port}, which is taken", "a port that is free", remedy) from None
        if error.errno == errno.EACCES:
            got = f"--port {port}, which only the system may use"
            raise ConetError(got, "another port", "name one from 1024 on") from None
        got = f"--host {host}: {error.strerror or error}"
        raise ConetError(got, "an address of this machine", "leave it out for 127.0.0.1") from None
    return found


def address_of(guard: Guard) -> str:
    """Return where the page is; with the token where it is asked for."""
    host = socket.gethostname() if guard.host in ("0.0.0.0", "::") else guard.host
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{guard.port}/"
    return address if guard.open else f"{address}?token={guard.token}"
