"""Pipes and devices where a file is expected: one line, and nothing that waits for ever."""

import os
import subprocess
import sys
import threading

import pytest

from conet.base.errors import ConetError
from conet.base.inputs import check_is_file
from conet.cli import main

CALLS = {
    "run": ["run", "--config", "{}"],
    "plan": ["llm", "plan", "{}"],
    "init": ["llm", "init", "new.toml", "--recipe", "{}"],
    "verify": ["llm", "verify", "{}"],
    "logs": ["logs", "{}"],
    "diagnose": ["diagnose", "{}", "--out", "out"],
    "watch": ["watch", "{}", "--out", "out", "--refreshes", "1"],
    "heat": ["heat", "{}", "--out", "examples"],
    "compare": ["compare", "{}", "none", "--out", "out"],
    "web": ["web", "{}", "--embedding", "words", "--out", "out"],
}


@pytest.fixture
def _lets_go(tmp_path, monkeypatch):
    """Should a command open the pipe after all, it gets an end of it, and the test fails in time."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.jsonl")

    def let_go():
        os.close(os.open(tmp_path / "pipe.jsonl", os.O_RDWR | os.O_NONBLOCK))

    timer = threading.Timer(20, let_go)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


@pytest.mark.usefixtures("_lets_go")
@pytest.mark.parametrize("name", CALLS)
def test_a_pipe_or_a_device_is_no_file(name, tmp_path, capfd):
    for place, what in (("pipe.jsonl", "a pipe"), ("/dev/zero", "a device")):
        with pytest.raises(SystemExit) as ended:
            main([part.format(place) for part in CALLS[name]])
        printed = capfd.readouterr()
        assert ended.value.code == 2
        assert printed.out == ""
        assert printed.err.splitlines()[-1].startswith(
            f"conet: got {place}, which is {what}; expected a file; "
        )
    assert os.listdir(tmp_path) == ["pipe.jsonl"]


def test_what_the_shell_hands_over_is_read():
    code = (
        "import sys; from conet.cli.verify import read_cases, Path; print(len(read_cases(Path(sys.argv[1]))))"
    )
    for place in ("/dev/stdin", "/dev/fd/0"):
        ended = subprocess.run(
            [sys.executable, "-c", code, place],
            input=b'{"gold": 7, "completion": "7"}\n',
            capture_output=True,
            check=True,
        )
        assert ended.stdout == b"1\n"


def test_links_lead_to_what_they_lead_to(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "good").symlink_to("file")
    (tmp_path / "bad").symlink_to("/dev/zero")
    (tmp_path / "nowhere").symlink_to("none")
    for name in ("file", "good", "nowhere", "."):
        check_is_file(tmp_path / name)
    with pytest.raises(ConetError, match="which is a device"):
        check_is_file(tmp_path / "bad")
