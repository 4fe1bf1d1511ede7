"""The progress line: it fits, its estimates are of the right size, and it never ends what it tells of."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

import conet
from conet.base import progress, terminal
from conet.base.progress import Estimate, duration, fitted
from conet.cli.reading import reading_line

STATE = "accuracy 0.979  correct length 12.81  islands 146  degree 1.83"
QUICK = [
    "--preset",
    "smoke",
    "--steps",
    "30",
    "--set",
    "graph.nodes=40",
    "graph.degree=5",
    "problems.count=6",
]


@pytest.mark.parametrize("columns", [10, 40, 79, 80, 120])
@pytest.mark.parametrize("left", [None, 0.3, 59.0, 4e5])
def test_the_line_fits_and_keeps_how_far_it_is(columns, left):
    text = fitted("update", 123456, 200000, STATE, left, columns)
    assert len(text) <= columns
    assert text.startswith("update 123456/200000"[:columns])
    if columns >= 40 and left is not None:
        assert text.endswith(" left")
    if columns == 80:
        assert "accuracy 0.979" in text
    if columns == 120:
        assert STATE in text


def test_durations_are_read_at_a_glance():
    assert [duration(seconds) for seconds in (0.2, 59.4, 59.6, 599, 601, 3599, 3600, 86400)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "9 min 59 s",
        "10 min",
        "59 min",
        "1 h 0 min",
        "24 h 0 min",
    ]


# Seconds a piece: a run at the reference (compilation, then a measurement of every kind, then what goes on),
# and a language model, of whose updates the first is slow.
TIMES = {
    "reference": [13.2, 0.349, *([0.0009] * 2 + [0.035, 0.0008, 0.0007] * 30 + [0.0004] * 706)],
    "slow start": [5.0] + [0.4] * 20 + [0.004] * 2000,
    "language model": [95.0] + [12.0] * 149,
    "even": [0.05] * 200,
}


@pytest.mark.parametrize("name", sorted(TIMES))
def test_estimates_are_of_the_right_size_from_the_first_on(name):
    times, now, estimate, said = TIMES[name], 0.0, Estimate(), []
    whole = sum(times)
    for done, seconds in enumerate(times, 1):
        now += seconds
        left = estimate(now, done, len(times))
        if left is not None:
            said.append((left + 1) / (whole - now + 1))  # a second more or less is no matter
    assert said
    assert max(said) < (100 if name == "slow start" else 10)
    if name == "even":
        assert min(said) == pytest.approx(1.0)
    if name == "language model":
        assert said[0] == pytest.approx(1.0)
    if name == "slow start":  # nothing can know that it becomes a hundred times as fast; it is forgotten soon
        assert max(said[60:]) < 2


def test_there_is_no_estimate_before_there_is_evidence():
    estimate = Estimate()
    assert estimate(0.0, 1, 800) is None
    assert estimate(0.35, 2, 800) is None  # one update with compilation in it says nothing
    assert estimate(1.2, 1200, 8000) is not None


def test_in_a_notebook_it_is_one_output_that_changes(monkeypatch, capsys):
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data["text/plain"])

    def display(data, raw, display_id):
        assert (raw, display_id) == (True, True)
        shown.append(data["text/plain"])
        return Handle()

    shell = type("Shell", (), {"kernel": object()})()
    module = type(sys)("IPython")
    module.get_ipython = lambda: shell
    module.display = type(sys)("IPython.display")
    module.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setattr(progress, "LIVE_EVERY", -1.0)
    with progress.line() as show:
        for done in (1, 2, 3):
            show("update", done, 3, STATE)
    assert [text.split("  ")[0] for text in shown] == ["update 1/3", "update 2/3", "update 3/3"]
    assert capsys.readouterr() == ("", "")


def test_plain_lines_go_to_stderr_and_fit(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)
    with progress.line() as show:
        show("update", 7, 800, STATE)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("update 7/800  accuracy 0.979")
    assert len(captured.err.rstrip("\n")) <= 80


def test_a_plain_line_comes_after_two_seconds_and_then_every_five(monkeypatch, capsys):
    """What took between two and five seconds stayed silent."""
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.line() as show:
        for half in range(1, 33):
            now = half / 2
            show("file" if now < 9 else "part", half, 99)
    told = [int(line.split()[1].split("/")[0]) / 2 for line in capsys.readouterr().err.splitlines()]
    assert told == [2.5, 8.0, 10.5, 16.0]


def test_a_small_log_shows_no_reading_of_nothing(monkeypatch, capsys):
    """It read "MB read 0/0"."""
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)
    with reading_line() as told:
        told(500, 999_999)
    assert capsys.readouterr().err == ""
    with reading_line() as told:
        told(1_000_000, 3_000_000)
    assert capsys.readouterr().err.startswith("MB read 1/3")


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")]
)
@pytest.mark.parametrize("live", [False, True])
def test_a_line_that_cannot_be_written_is_dropped(error, live, monkeypatch):
    class Broken:
        encoding = "utf-8"

        def isatty(self):
            return live

        def write(self, text):
            raise error

        def flush(self):
            raise error

        def fileno(self):
            raise OSError

    monkeypatch.setattr(sys, "stderr", Broken())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)
    monkeypatch.setattr(progress, "LIVE_EVERY", -1.0)
    with progress.line() as show:
        for done in (1, 2, 3):
            show("update", done, 3, STATE)
    terminal.tell("nor is this a reason to fail")


def test_without_a_stderr_there_is_no_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)
    with progress.line() as show:
        show("update", 1, 3, STATE)


# Whole commands -------------------------------------------------------------------------------------

ALWAYS = "from conet.base import progress; progress.PLAIN_EVERY = progress.LIVE_EVERY = -1.0\n"
MAIN = ALWAYS + "from conet.cli import main; main()"
REPORT = "import conet.report; conet.report.write = lambda run, *drawing: (run.path / 'report.html')\n"


def shell(place: Path, redirections: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a command with its standard streams as the shell's redirections say."""
    command = f'exec "$0" -c "$1" "${{@:2}}" {redirections}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, REPORT + MAIN, *arguments],
        capture_output=True,
        text=True,
        cwd=place,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return conet.run(
        conet.preset("smoke").override(
            {"steps": 30, "graph.nodes": 40, "graph.degree": 5, "problems.count": 6}
        ),
        tmp_path_factory.mktemp("undisturbed") / "run",
    ).summary()["state_sha256"]


@pytest.mark.parametrize(
    ("redirections", "code"),
    [
        ("2>/dev/full", 0),
        ("2>&-", 0),
        (">&-", 0),
        ("<&-", 0),
        ("<&- >&- 2>&-", 0),
        ("2> >(exec 0<&-; sleep 0.1)", 0),  # a pipe that no one reads
        ("> >(exec 0<&-; sleep 0.1)", 0),
        (">/dev/full", 2),
        (">/dev/full 2>/dev/full", 2),
    ],
)
def test_broken_streams_never_end_a_run(redirections, code, tmp_path, undisturbed):
    done = shell(tmp_path, redirections, "run", *QUICK, "--out", "run")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    run = conet.Run(tmp_path / "run")  # whatever the code, the work is done
    assert run.summary()["state_sha256"] == undisturbed
    assert run.metrics().height == 30
    if redirections == ">/dev/full":
        assert "conet: got the standard output: No space left on device" in done.stderr


@pytest.mark.parametrize("arguments", [["presets"], ["presets", "--json"], ["--help"], ["run", "--help"]])
def test_what_is_printed_must_be_printed(arguments, tmp_path):
    assert shell(tmp_path, ">/dev/full", *arguments).returncode == 2
    gone = shell(tmp_path, "> >(exec 0<&-; sleep 0.1)", *arguments)
    assert (gone.returncode, gone.stdout, gone.stderr) in ((0, "", ""), (0, gone.stdout, ""))
    assert "Traceback" not in shell(tmp_path, ">&-", *arguments).stderr


def test_another_broken_pipe_is_no_success(tmp_path):
    """Only the standard output's reader may be gone; elsewhere a broken pipe is a failure like any other."""
    code = (
        "import conet.runs.launch as it\ndef run(*a, **k): raise BrokenPipeError('a worker')\nit.run = run\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + MAIN, "run", *QUICK, "--out", "run"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "BrokenPipeError" in done.stderr


def in_a_terminal(place: Path, *arguments: str, close_after: int | None = None) -> tuple[int, str]:
    """Run a command whose stderr is a terminal of 80 columns, which may be closed after so many bytes."""
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", REPORT + MAIN, *arguments],
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        cwd=place,
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    while close_after is None or len(seen) < close_after:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(master)
    return process.wait(120), seen.decode()


def test_the_live_line_fits_a_terminal_of_80_columns(tmp_path):
    code, seen = in_a_terminal(tmp_path, "run", *QUICK, "--out", "run")
    assert code == 0
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", seen)]
    updates = [line for line in lines if line.startswith("update ")]
    assert len(updates) >= 30
    assert max(map(len, updates)) < 80
    assert "update 30/30  accuracy" in updates[-1]


def test_a_terminal_that_is_closed_ends_no_run(tmp_path):
    code, _ = in_a_terminal(tmp_path, "run", *QUICK, "--out", "run", close_after=200)
    assert code == 0
    assert conet.Run(tmp_path / "run").finished
