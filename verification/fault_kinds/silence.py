"""Others that keep silent: a verifier that never answers, a hub that never does. A command ends all the same.

Each command is a process of its own. How long it may wait is stated (`conet/llm/judge.py`, `hub.py`); beyond that,
and the 20 s of any other command, it hangs.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.processes import LIMIT, PATIENCE, Fault, processor_seconds

PROGRAM = (sys.executable, "-c", "from conet import cli; cli.main()")
STATED = 20.0  # seconds: a silence of the hub twice, or one sample of a verifier and the start of its process
HANGS = "import time\ndef judge(completion, answer):\n    if completion == '3':\n        time.sleep(3600)\n    return 1\n"
DEAF = (
    "import signal, time\ndef judge(completion, answer):\n    if completion == '3':\n"
    "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n        while True:\n            pass\n    return 1\n"
)
MODEL = ("llm", "train", "tiny", "--set", "model.path=nobody/nothing", "--out", "trained")
DATA = ("llm", "train", "tiny", "--set", "problems.source=hub:nobody/nothing", "--out", "trained")
ASKED = ("llm", "eval", "nobody/nothing", "problems.jsonl", "--out", "asked")
BOTH = ("llm", "eval", "nobody/nothing", "hub:nobody/nothing", "--out", "asked")
VERIFY = ("llm", "verify", "cases.jsonl", "--verifier", "judge.py:judge", "--json")
# What keeps silent, and the commands that wait for it.
WAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "a hub that takes the call and says nothing": (MODEL, DATA, ASKED, BOTH),
    "a hub that breaks off in its answer": (MODEL, DATA, ASKED, BOTH),
    "a hub that takes no call": (MODEL, DATA, ASKED, BOTH),
    "a verifier that sleeps": (VERIFY,),
    "a verifier that works on, and cannot be ended kindly": (VERIFY,),
}
CASES = [(way, command) for way, commands in WAYS.items() for command in commands]


def hub(way: str) -> tuple[socket.socket, str]:
    """Open a hub, and return its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    kept = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            kept.append(connection)
            if "breaks off" in way:
                connection.recv(1 << 16)
                connection.sendall(b'HTTP/1.1 200 OK\r\netag: "1"\r\ncontent-length: 100\r\n\r\n{"a":')

    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    if "no call" in way:
        listening.close()
    else:
        threading.Thread(target=serve, daemon=True).start()
    return listening, address


def ended(command: tuple[str, ...], slot: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Call a command in a process of its own, and wait for as long as it may take."""
    files = [slot / "out", slot / "err"]
    began = time.monotonic()
    with files[0].open("wb") as out, files[1].open("wb") as err:
        process = subprocess.Popen([*PROGRAM, *command], cwd=slot, env=environment, stdout=out, stderr=err)
        while process.poll() is None:
            time.sleep(0.1)
            waited = time.monotonic() - began - processor_seconds(process.pid)
            busy = os.getloadavg()[0] / (os.cpu_count() or 1) > 1  # else it waits for the processor too
            if waited > (PATIENCE if busy else STATED + LIMIT):
                process.kill()
                process.wait()
                raise Fault(
                    "hang", f"{waited:.0f} s of waiting: {files[1].read_text(errors='replace')[-300:]}"
                )
    return process.returncode, *(file.read_text(errors="replace") for file in files)


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Let one thing keep silent, and call one command."""
    way, command = CASES[number % len(CASES)]
    if importlib.util.find_spec("trl") is None:
        raise LeftOut("needs the extra [llm]")
    slot = bench.slot
    slot.mkdir(exist_ok=True)
    cases = [json.dumps({"gold": "1", "completion": str(place)}) for place in range(6)]
    (slot / "cases.jsonl").write_text("\n".join(cases))
    (slot / "problems.jsonl").write_text('{"problem": "1+1", "answer": "2"}\n')
    (slot / "judge.py").write_text(DEAF if "works on" in way else HANGS)
    listening, address = hub(way)
    environment = os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(slot / "cache"), "HF_HUB_OFFLINE": "0"}
    try:
        code, out, err = ended(command, slot, environment)
    except Fault as fault:
        raise Fault(fault.name, f"{way}, {' '.join(command)}: {fault.what}") from None
    finally:
        listening.close()
    told = f"{way}, {' '.join(command)}: exit {code}, {out[-200:]!r}, {err[-500:]!r}"
    if "Traceback" in err:
        raise Fault("traceback", told)
    if command == VERIFY:
        if code or json.loads(out.splitlines()[-1])["status"] != {"ok": 5, "timeout": 1}:
            raise Fault("lost", told)
        return way, "one sample was lost, and counted"
    if code != 2 or not err.splitlines()[-1].startswith("conet: got "):
        raise Fault("traceback", told)
    if (slot / "trained").exists() or (slot / "asked").exists():
        raise Fault("left over", told)
    return way, "said"


KIND = Kind(
    name="silence",
    what="a verifier or a hub that never answers, or breaks off",
    goal=4 * len(CASES),
    case=case,
)
