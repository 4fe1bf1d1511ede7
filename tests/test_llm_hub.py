"""A hub that keeps silent: the wait is bounded, and what is cached has to do."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

pytestmark = pytest.mark.llm
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """Serve what is in the list, one answer a connection, and then keep silent."""
    answers: list[bytes] = []
    kept = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            kept.append(connection)  # open
            connection.recv(1 << 16)
            if answers:
                connection.sendall(answers.pop(0))

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", answers
    listening.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    """Bound the waits, and let nothing of it last."""
    pytest.importorskip("datasets")
    import datasets.config
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    from conet.llm import hub

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", False)
    monkeypatch.setattr(hub, "_out_of_reach", "")
    monkeypatch.setattr(hub, "SILENCE", 0.3)
    hub.bound()
    yield hub
    set_client_factory(default_client_factory)


def test_a_hub_that_never_answers_is_asked_once(hub, server, capsys: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub import constants, get_session
    from huggingface_hub.errors import OfflineModeIsEnabled

    with pytest.raises(OfflineModeIsEnabled, match="did not answer"):
        get_session().get(server[0], timeout=600)
    assert constants.is_offline_mode()
    with pytest.raises(OfflineModeIsEnabled):  # without a word to anybody
        get_session().get("http://127.0.0.1:1", timeout=None)
    assert "the hub did not answer for 0.3 s: only what is cached is used" in capsys.readouterr().err
    assert hub.reason(OSError("x")) == "the hub did not answer for 0.3 s, and it is not in the cache"


def test_nobody_hears_of_what_libraries_ask_of_their_own_accord(
    hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """TRL sends what it counts when a training begins, also where model and problems need no hub."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.errors import OfflineModeIsEnabled

    for asked in ("api/telemetry/trl/GRPOTrainer", "api/agent-harnesses"):
        with pytest.raises(OfflineModeIsEnabled):
            get_session().head(f"http://127.0.0.1:1/{asked}")
    assert capsys.readouterr().err == ""
    assert not constants.is_offline_mode()
    with pytest.raises(OfflineModeIsEnabled):
        get_session().head("http://127.0.0.1:1/api/models/some/model")
    assert "the hub cannot be reached: only what is cached is used" in capsys.readouterr().err


def test_what_answers_is_taken_as_it_is(hub, server) -> None:
    from huggingface_hub import constants, get_session

    server[1].append(HEAD + b"0123456789")
    assert get_session().get(server[0]).text == "0123456789"
    assert not constants.is_offline_mode()


def test_a_download_that_breaks_off_goes_on_once(hub, server) -> None:
    from huggingface_hub import constants, get_session
    from huggingface_hub.errors import OfflineModeIsEnabled

    server[1].extend([HEAD + b"01234", HEAD + b"01234", HEAD, HEAD])

    def read() -> bytes:
        with get_session().stream("GET", server[0]) as answer:
            return b"".join(answer.iter_bytes())

    for _ in range(2):  # some bytes came in between
        with pytest.raises(Exception, match="timed out"):
            read()
        assert not constants.is_offline_mode()
    with pytest.raises(OfflineModeIsEnabled):
        read()
    assert constants.is_offline_mode()


@pytest.mark.long
def test_a_command_says_in_one_line_that_the_hub_is_silent(server, tmp_path) -> None:
    code = "from conet import cli; from conet.llm import hub; hub.SILENCE = 0.5; cli.main()"
    environment = os.environ | {"HF_ENDPOINT": server[0], "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    asked = ["llm", "train", "tiny", "--set", "model.path=nobody/nothing", "--out", "run"]
    done = subprocess.run(
        [sys.executable, "-c", code, *asked], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("conet: got model nobody/nothing: the hub did not answer")
    assert not (tmp_path / "run").exists()
