"""A real server of the page in this process, and requests to it as they are."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from conet.serve.app import guarded
from conet.serve.library import Library
from conet.serve.start import listen


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server(NamedTuple):
    port: int
    token: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, place: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """Send a request; names of headers with _ in place of -, which replace the usual ones."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, place, body=data, headers=given)
            found = connection.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        finally:
            connection.close()


@contextmanager
def serving(*places: Path, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Iterator[Server]:
    """Serve some places as long as the context lasts."""
    listening = listen(host, port)
    port = listening.getsockname()[1]
    guard = guarded(Library(places, **options), host, port)
    server = uvicorn.Server(uvicorn.Config(guard, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield Server(port, guard.token)
    finally:
        server.should_exit = True
        thread.join(20)
