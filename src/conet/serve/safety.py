"""Who may ask: this machine alone, pages of this server alone, and actions with its token alone."""

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Any, Send], Awaitable[None]]

COOKIE, HEADER = "conet-token", b"x-conet-token"
SAFE = {"GET", "HEAD"}
FOREIGN = {b"cross-site", b"same-site"}  # of the same site is also what another port of this machine shows
# No request leaves the machine, no foreign page shows this one, nothing but our own files is run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as it sees itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses every request that it should not answer, before anything else sees it.

    Parameters
    ----------
    application
        What answers the others.
    host, port
        Where the server listens. Beyond loopback every request needs the token.
    token
        Made anew for each server.
    """

    def __init__(self, application: Application, host: str, port: int, token: str) -> None:
        self.application, self.host, self.port = application, host, port
        self.token, self.cookie = token, f"{COOKIE}-{port}"  # cookies are shared by all ports of a host
        self.open = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refused = self._refused(scope, headers)
        if refused is not None:
            await _refuse(send, *refused)
            return
        if not self.open and scope["path"] == "/" and any(map(self._is_token, _query(scope))):
            await self._keep_token(send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        await self.application(scope, receive, with_headers)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._known_host(host):
            return 403, "This server does not answer for that host."
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"http://{host}":
            return 403, "This server answers its own pages alone."
        navigates = headers.get(b"sec-fetch-mode") == b"navigate" and scope["path"] == "/"
        if headers.get(b"sec-fetch-site") in FOREIGN and not navigates:
            return 403, "This server answers its own pages alone."
        given = headers.get(HEADER, b"").decode("latin-1")
        if scope["method"] not in SAFE and not self._is_token(given):
            return 403, "An action needs the token of this server's page."
        if not self.open and not any(map(self._is_token, (given, *self._offered(scope, headers)))):
            return 401, "Open the address that conet serve has printed: it holds the token."
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _known_host(self, host: str) -> bool:
        name, separator, port = host.rpartition(":")
        if not separator or not port.isdigit():
            name, port = host, "80"
        name = name.removeprefix("[").removesuffix("]").lower()
        if port != str(self.port):
            return False
        if self.open:
            return is_loopback(name)
        return name in {self.host.lower(), socket.gethostname().lower(), "localhost"} or _is_address(name)

    async def _keep_token(self, send: Send) -> None:
        """Move the token from the address into a cookie, so that a link to a view does not give it away.

        Lax, not strict: the address may be opened by a link in a message, whose page is a foreign one.
        """
        value = f"{self.cookie}={self.token}; HttpOnly; SameSite=Lax; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", value.encode()), *HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _offered(self, scope: Scope, headers: dict[bytes, bytes]) -> list[str]:
        """Return the tokens that a request brings in its address or its cookie."""
        try:
            cookie = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return _query(scope)
        return [*_query(scope), *(cookie[name].value for name in cookie if name == self.cookie)]


def _query(scope: Scope) -> list[str]:
    return parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])


def _is_address(name: str) -> bool:
    """Whether a name is an address in numbers, which no foreign name server can turn elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(send: Send, status: int, why: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{why}\n".encode()})
