"""The hub of models and data sets: where it keeps silent, what is cached has to do."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from conet.base.terminal import tell

ASIDE = ("/api/telemetry/", "/api/agent-harnesses")  # what libraries tell and ask of their own accord
SILENCE = 10.0  # seconds without a byte, after which nothing more is expected
BROKEN_OFF = 2  # downloads that may fall silent, one after the other, without a byte in between

_out_of_reach = ""  # why, once it is


def bound() -> None:
    """Let this process wait for a silent hub once, for :data:`SILENCE`, and no longer.

    The libraries try each request six times, and ask for one file after the other: minutes without a word.
    Here they are told after the first silence that there is no hub, and use what is cached. A download that
    falls silent goes on once. (Our choice; what Xet, another way of downloading, waits for, is its own.)
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def make() -> Any:
        client = default_client_factory()
        vars(client)["send"] = _patient(client)
        return client

    set_client_factory(make)


def reason(error: BaseException) -> str:
    """Say in a line why something could not be had from the hub, or from its cache."""
    if _out_of_reach:
        return f"{_out_of_reach}, and it is not in the cache"
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _patient(client: Any) -> Callable[..., Any]:
    """Return what sends a request of a client, and waits for as long as it may."""
    # httpx, or what follows it
    library: Any = importlib.import_module(type(client).__module__.partition(".")[0])
    send, body = client.send, _bodies(library)

    def sent(request: Any, *, stream: bool = False, **options: Any) -> Any:
        asked = request.extensions.get("timeout") or {}
        phases = ("connect", "read", "write", "pool")
        times = {phase: min(asked.get(phase) or SILENCE, SILENCE) for phase in phases}
        request.extensions = {**request.extensions, "timeout": times}
        aside = any(part in str(request.url) for part in ASIDE)
        try:
            answer = send(request, stream=True, **options)
        except library.TimeoutException:
            raise _no_hub(f"the hub did not answer for {times['read']:g} s", aside) from None
        except library.ConnectError:
            raise _no_hub("the hub cannot be reached", aside) from None
        answer.stream = body(answer.stream)
        if not stream:
            answer.read()
        return answer

    return sent


def _bodies(library: Any) -> Any:
    """Return the class of the bytes of answers, which may stop in the middle."""
    stream_of_bytes: Any = library.SyncByteStream
    silent = 0

    class Body(stream_of_bytes):
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            nonlocal silent
            try:
                for some in self.stream:
                    silent = 0
                    yield some
            except library.TimeoutException:
                silent += 1
                if silent < BROKEN_OFF:
                    raise  # the library goes on where it broke off
                raise _no_hub(f"the hub did not answer for {SILENCE:g} s") from None

        def close(self) -> None:
            self.stream.close()

    return Body


def _no_hub(why: str, aside: bool = False) -> Exception:
    """Tell the libraries that there is no hub, and return what they then raise themselves.

    Of a request aside nobody hears: where nothing else is asked of the hub, nothing is missing.
    """
    global _out_of_reach
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    if aside:
        return OfflineModeIsEnabled(why)
    if not _out_of_reach:
        tell(f"{why}: only what is cached is used")
    _out_of_reach = why
    os.environ["HF_HUB_OFFLINE"] = "1"  # for processes that this one starts
    constants.HF_HUB_OFFLINE = True
    if settings := sys.modules.get("datasets.config"):
        vars(settings).update(HF_HUB_OFFLINE=True, HF_DATASETS_OFFLINE=True)
    return OfflineModeIsEnabled(why)
