"""The page's server: killed and told to end while it works, taken and hostile ports, streams that are closed, runs
that are damaged or deleted while they are open, addresses that lead elsewhere.
"""

import contextlib
import importlib.util
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.controls import SIGNS, TESTS
from fault_kinds.processes import PATIENCE, RAW, Fault, call
from fault_kinds.streams import set_up
from fault_kinds.worlds import LOG, RUN, STEERED, fresh

PROGRAM = "from conet.cli import main; main()"
SMALL = ["graph.nodes=40", "graph.degree=5", "problems.count=6"]
STEPS = 200  # of a run that is started, and outlives its server
PORTS = (
    "-1",
    "65536",
    "1e3",
    "0x50",
    "",
    " ",
    "80.5",
    "nan",
    "None",
    "99999999999999999999",
    "\x1b[31m",
    "8577;ls",
)
PARTS = (
    "spark",
    "headlines",
    "web",
    "problems",
    "rollouts",
    "texts?index=0",
    "search?words=a",
    "page",
    "nodes/3",
)
SECRET = "root:x:0"


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Try one of the sorts."""
    for name in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise LeftOut(f"{name} is not installed")
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    sort = SORTS[number % len(SORTS)]
    try:
        return sort.__name__.replace("_", " "), sort(bench, bench.random(number))
    except Fault as fault:
        raise Fault(fault.name, f"{sort.__name__}: {fault.what}") from None


# A server in this process -------------------------------------------------------------------------------------


def served(bench: Bench) -> Any:
    """Return a server of the slot, which is as it was before any case; it lasts as long as the worker."""
    from page_server import serving

    fresh(bench.base, bench.slot)
    if "server" not in bench.kept:
        stack = contextlib.ExitStack()
        bench.kept["server"] = stack.enter_context(serving(bench.slot, bench.slot / LOG))
        bench.kept["stack"] = stack
    return bench.kept["server"]


def answer(server: Any, place: str, *allowed: int) -> str:
    """Ask for a place; the answer is one that is described, says nothing raw, and nothing from elsewhere."""
    found = server.ask(place)
    text = found.body.decode("utf-8", "replace")
    if found.status not in (allowed or (200, 404, 409, 422)) or "Traceback" in text:
        raise Fault("traceback", f"GET {place}: {found.status} {text[:300]}")
    if SECRET in text or (found.status != 200 and RAW.search(text)):
        raise Fault("changed", f"GET {place}: {text[:300]!r}")
    return "refused" if found.status != 200 else "answered"


def damaged_while_open(bench: Bench, rng: random.Random) -> str:
    """Change, cut off or delete a file of a run between two requests; what is read is refused or as it was."""
    server = served(bench)
    answer(server, f"/api/runs/{RUN}/spark", 200)
    file = rng.choice(sorted(path for path in (bench.slot / RUN).rglob("*") if path.is_file()))
    data, way = bytearray(file.read_bytes()), rng.choice(("bytes", "cut", "gone", "empty"))
    if way == "gone":
        file.unlink()
    else:
        for _ in range(rng.randrange(1, 9) if data and way == "bytes" else 0):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(
            data[: 0 if way == "empty" else rng.randrange(len(data) + 1) if way == "cut" else None]
        )
    endings = {answer(server, f"/api/runs/{RUN}/{part}") for part in PARTS}
    answer(server, "/api/runs", 200)
    return "in part" if len(endings) > 1 else endings.pop()


def deleted_while_open(bench: Bench, rng: random.Random) -> str:
    """Delete a run, or put another in its place, between two requests."""
    server = served(bench)
    for part in rng.sample(PARTS, 3):
        answer(server, f"/api/runs/{RUN}/{part}")
    shutil.rmtree(bench.slot / RUN)
    if again := rng.random() < 0.5:
        shutil.copytree(bench.slot / STEERED, bench.slot / RUN)
    endings = {
        answer(server, f"/api/runs/{RUN}/{part}", *((200, 409) if again else (404,))) for part in PARTS
    }
    return "the other one" if again else endings.pop()


def address_that_leads_elsewhere(bench: Bench, rng: random.Random) -> str:
    """Ask for what is not there, in ways that a file system, a header or a terminal would mind."""
    server = served(bench)
    ways = (
        "..",
        "%2e%2e",
        "..%2f",
        "%2f",
        "etc",
        "passwd",
        "%00",
        "~",
        ".",
        "\\",
        "%5c",
        RUN,
        "?a=b",
        "#",
        "%0d%0a",
    )
    drawn = [quote(one, errors="surrogateescape") for one in SIGNS]
    path = "/".join(rng.choice((*ways, rng.choice(drawn))) for _ in range(rng.randrange(1, 8)))
    before = rng.choice(("/", "/api/", "/api/runs/", f"/api/runs/{RUN}/views/", f"/api/runs/{RUN}/nodes/"))
    return answer(server, before + path.replace(" ", "%20"), 200, 307, 404, 405, 409, 422)


# A server in a process of its own -------------------------------------------------------------------------------


class Process:
    """A server in a process of its own, which is ended with the block."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        command = [sys.executable, "-c", PROGRAM, "serve", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def server(self) -> Any:
        """Return where it is asked, as soon as it has said so."""
        from page_server import Server

        assert self.process.stdout is not None
        port = self.process.stdout.readline().strip().rpartition(":")[2].strip("/")
        if not port.isdecimal():
            raise Fault("lost", f"no address: {self.process.communicate()}")
        server = Server(int(port), "")
        page = server.ask("/").body.decode()
        return server._replace(token=page.partition('name="conet-token" content="')[2].partition('"')[0])

    def ended(self, number: int) -> None:
        """Send a signal; it ends with exit code 0, and no traceback."""
        self.process.send_signal(number)
        try:
            _, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Fault("hang", f"{PATIENCE:g} s after signal {number}") from None
        if self.process.returncode != 0 or "Traceback" in (err or ""):
            raise Fault("traceback", f"signal {number}: exit {self.process.returncode}, {(err or '')[-500:]}")


def told_to_end_while_it_answers(bench: Bench, rng: random.Random) -> str:
    """Send SIGINT or SIGTERM at a random moment of a request."""
    fresh(bench.base, bench.slot)
    with Process(bench.slot, bench.slot / LOG, "--port", "0") as started:
        server = started.server()
        waiting = socket.create_connection(("127.0.0.1", server.port))
        place = f"/api/runs/{rng.choice((RUN, STEERED))}/{rng.choice((*PARTS, 'stream'))}"
        waiting.sendall(f"GET {place} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        time.sleep(rng.uniform(0, 1))
        number = rng.choice((signal.SIGINT, signal.SIGTERM))
        started.ended(number)
        waiting.close()
    return number.name


def killed_during_a_run_that_it_started(bench: Bench, rng: random.Random) -> str:
    """Kill the server at a random moment after it has started a run: the run goes on to its end."""
    import conet

    place = bench.place / "started"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    with Process(place, "--port", "0") as started:
        server = started.server()
        asked = {"preset": "smoke", "steps": STEPS, "seed": rng.randrange(1000), "settings": SMALL}
        headers = {"x_conet_token": server.token, "content_type": "application/json"}
        said = server.ask("/api/runs", "POST", asked, **headers)
        if said.status != 200:
            raise Fault("lost", f"no run: {said}")
        time.sleep(rng.uniform(0, 1))
        started.process.kill()
        started.process.wait()
    run = place / said.json["name"]
    ends = time.monotonic() + PATIENCE
    while not conet.Run(run).finished:
        if time.monotonic() > ends:
            raise Fault("lost", "the run ended with its server")
        time.sleep(0.1)
    conet.Run(run).verify()
    return "the run went on"


def port_that_is_taken_or_none(bench: Bench, rng: random.Random) -> str:
    """Name a port on which something listens, or what is no port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = rng.choice((str(taken.getsockname()[1]), *PORTS))
        called = call("serve", str(bench.place), f"--port={port}")
    if called.code != 2:
        raise Fault("lost", f"--port {port!r}: {called}")
    return "refused"


def streams_that_are_closed(bench: Bench, rng: random.Random) -> str:
    """Close stdout or stderr, fill it, or take its reader away: it serves until it is told to end, or says why not."""
    fresh(bench.base, bench.slot)
    states = {
        1: rng.choice(("closed", "full", "broken")),
        2: rng.choice(("closed", "full", "broken", "good")),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = bench.place / "kept-stream"

    def before() -> None:
        for number, state in states.items():
            set_up(number, state, kept)

    streams = {"stdout": None, "stderr": None}
    with Process(bench.slot, "--port", port, preexec_fn=before, **streams) as started:
        ends, open_ = time.monotonic() + PATIENCE, False
        while started.process.poll() is None and not open_:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                open_ = True
            if time.monotonic() > ends:
                raise Fault("hang", f"{states}: no server, and no end")
            time.sleep(0.1)
        wanted = {"closed": 0, "full": 2, "broken": 0}[states[1]]
        if states[1] == "closed":
            time.sleep(1.0)  # it listens a moment before it takes signals as its own
            started.ended(signal.SIGTERM)
        elif started.process.wait(PATIENCE) != wanted:
            raise Fault("lost", f"{states}: exit {started.process.returncode}")
    if states[2] == "good" and "Traceback" in kept.read_text(errors="replace"):
        raise Fault("traceback", kept.read_text()[-500:])
    return "served" if open_ and states[1] == "closed" else "refused" if wanted else "no reader"


def kept_record_that_is_damaged(bench: Bench, rng: random.Random) -> str:
    """Damage what is kept of a large log: it is read anew."""
    import conet
    from conet.readers.kept import Kept

    fresh(bench.base, bench.slot)
    folder = bench.place / "cache"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    kept, path = Kept(folder, large=1, quiet=-PATIENCE), bench.slot / LOG
    truth = kept.read(path, {}, lambda: conet.read(path))
    file = rng.choice([one for one in sorted(folder.rglob("*")) if one.is_file()])
    data = bytearray(file.read_bytes())
    for _ in range(rng.randrange(1, 9)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])
    anew: list[bool] = []

    def again() -> Any:
        anew.append(True)
        return conet.read(path)

    found = kept.read(path, {}, again)
    if not found.rows.equals(truth.rows) or json.dumps(found.names) != json.dumps(truth.names):
        raise Fault("silent", f"{file.name} was damaged, and other rollouts were read")
    return "read anew" if anew else "whole"


SORTS: tuple[Callable[[Bench, random.Random], str], ...] = (
    damaged_while_open,
    address_that_leads_elsewhere,
    port_that_is_taken_or_none,
    told_to_end_while_it_answers,
    kept_record_that_is_damaged,
    deleted_while_open,
    streams_that_are_closed,
    killed_during_a_run_that_it_started,
)
KIND = Kind(
    name="serving",
    what="the page's server: told to end or killed at work, its port taken, its streams closed, runs damaged or "
    "deleted while they are open, addresses that lead elsewhere, what it keeps damaged",
    goal=400,
    case=case,
    forks=True,  # cases with a server of their own have a limit of their own
    short=tuple(range(len(SORTS))),
)
