"""How the server ends: at once when it is told to, whatever is open, without a traceback; and what it takes in."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from logs import as_trl, rollouts, two_stages

import conet
from conet.base.lock import exclusive

pytestmark = pytest.mark.page
ROOT = Path(__file__).parents[1]
PROGRAM = "from conet.cli import main; main()"
# A read that never ends, in the thread of a request.
SLOW = "import time, conet.serve.opened as opened; opened.read = lambda *a, **k: time.sleep(3600); " + PROGRAM
PATIENCE = 120  # seconds; a read that is waited for takes an hour


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    small = {"steps": 8, "graph.nodes": 40, "graph.degree": 5, "problems.count": 6}
    conet.run(conet.preset("smoke").override(small), place / "growing")
    (place / "growing" / "summary.json").unlink()
    as_trl(rollouts(two_stages(30, 8)), place / "log")
    return place


@contextmanager
def started(program, *arguments):
    """A server in a process of its own, and a connection to it."""
    command = [sys.executable, "-c", program, "serve", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = urlsplit(process.stdout.readline().strip())
        yield process, http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()


def ended(process, number):
    """Send a signal; return exit code and stderr."""
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@SIGNALS
def test_it_ends_during_an_open_stream(runs, number):
    with exclusive(runs / "growing"), started(PROGRAM, runs) as (process, connection):
        connection.request("GET", "/api/runs/growing/stream")
        answer = connection.getresponse()
        assert answer.readline() == b"event: training\n"
        assert ended(process, number) == (0, "the page is closed\n")


@SIGNALS
def test_it_ends_during_a_slow_read(runs, number):
    with started(SLOW, runs) as (process, connection):
        threading.Thread(target=asked, args=(connection, "/api/runs/log/problems"), daemon=True).start()
        time.sleep(2)  # the request is under way; one that is not yet is answered alike
        assert ended(process, number) == (0, "the page is closed\n")


def asked(connection, place):
    try:
        connection.request("GET", place)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # broken off, as it is meant to be


def test_a_run_that_it_started_outlives_it(tmp_path):
    with started(PROGRAM, tmp_path) as (process, connection):
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
        token = page.partition('name="conet-token" content="')[2].partition('"')[0]
        small = ["graph.nodes=40", "graph.degree=5", "problems.count=6"]
        body = json.dumps({"preset": "smoke", "steps": 40, "settings": small})
        headers = {"x-conet-token": token, "content-type": "application/json"}
        connection.request("POST", "/api/runs", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        name = json.loads(answer.read())["name"]
        process.kill()
        process.wait()
        ends = time.monotonic() + 300
        while not conet.Run(tmp_path / name).finished:
            assert time.monotonic() < ends, "the run has ended with its server"
            time.sleep(0.2)
    assert conet.Run(tmp_path / name).metrics().height == 40


def test_closed_streams_are_no_reason_to_fail(runs):
    """With stdout closed the address goes nowhere, and the page is there; a full one is an error."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"{shutil.which('sh')} -c".split()
    serve = f"exec '{sys.executable}' -c '{PROGRAM}' serve '{runs}' --port {port}"
    process = subprocess.Popen([*command, f"{serve} >&- 2>&-"])
    try:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                connection.request("GET", "/api/runs")
                assert connection.getresponse().status == 200
                break
            except ConnectionError:
                assert time.monotonic() < ends
                assert process.poll() is None
                time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    full = subprocess.run(
        [*command, f"{serve} >/dev/full"], stderr=subprocess.PIPE, text=True, timeout=PATIENCE
    )
    assert full.returncode == 2
    assert "the standard output" in full.stderr
    assert "Traceback" not in full.stderr
