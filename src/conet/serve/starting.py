"""Runs that the page starts, and what it asks of those that train."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from conet.base.digests import is_run
from conet.base.errors import ConetError
from conet.base.text import one_line
from conet.config import PRESETS, files_read, parse_pairs, preset
from conet.runs.code import files_named
from conet.serve.library import Library
from conet.serve.models_actions import Preset, Started, StartRequest
from conet.serve.said import SAID, last_line, place_of

PATIENCE = 120.0  # seconds until a run has its directory, or has said why not
MERCY = 10.0  # seconds in which a run may end by itself
PROGRAM = ("-P", "-m", "conet.serve.child")  # -P: no module is taken from the working directory


class Starter:
    """Starts runs as the command line does, so that settings are checked in the same words.

    Parameters
    ----------
    library
        Where runs are shown: a new one goes into the first directory of runs.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._children: dict[Path, subprocess.Popen] = {}  # by where they put their run
        self._lock = threading.Lock()  # while a place is chosen; a run that begins slowly holds up nobody

    def start(self, asked: StartRequest) -> Started:
        """Start a run that can be steered, and wait until it has a directory.

        Raises
        ------
        ConetError
            When its settings do not fit, or there is nowhere to put it.
        """
        with self._lock:
            self._children = {place: child for place, child in self._children.items() if child.poll() is None}
            out = self._place(asked)
            arguments = arguments_of(asked, out)
            with open(said := place_of(out), "xb") as file:
                child = self._children[out] = subprocess.Popen(
                    [sys.executable, *PROGRAM, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                    start_new_session=True,
                )
        try:
            _wait(child, out, said)
        finally:
            said.unlink(missing_ok=True)
        return Started(name=one_line(out.name), command=one_line(f"conet {' '.join(arguments)}"))

    def _place(self, asked: StartRequest) -> Path:
        folders = [place for place in self.library.places if place.is_dir() and not is_run(place)]
        if not folders:
            remedy = "name a directory of runs, such as `conet serve runs`"
            raise ConetError("a new run, and no directory for it", "a directory of runs", remedy)
        name = f"{asked.preset}-s{asked.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
        found, number = folders[0] / name, 1
        while found.exists() or found in self._children:
            number += 1
            found = folders[0] / f"{name}-{number}"
        return found


def _wait(child: subprocess.Popen, out: Path, said: Path) -> None:
    """Wait until a run has its directory, and put what it says there.

    Raises
    ------
    ConetError
        When it ends without one, or does not begin in time; then it is ended, so that it does not come later.
    """
    ends = time.monotonic() + PATIENCE
    while not is_run(out) and child.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    if is_run(out):
        said.rename(out / SAID)
        return
    if child.poll() is not None:
        raise _refused(last_line(said))
    child.terminate()
    try:
        child.wait(MERCY)
    except subprocess.TimeoutExpired:
        child.kill()
    got = f"a run that had not begun after {PATIENCE:g} seconds, and was ended"
    raise ConetError(
        got, "one that begins sooner", "start it from the command line, which shows what it does"
    )


def _refused(line: str) -> ConetError:
    """Take apart the one line in which the command line says what does not fit."""
    parts = line.removeprefix("conet: ").removeprefix("got ").split("; ")
    expected = parts[1].removeprefix("expected ") if len(parts) > 1 else ""
    return ConetError(parts[0] or "a run that did not begin", expected, "; ".join(parts[2:]))


def arguments_of(asked: StartRequest, out: Path) -> list[str]:
    """Return the arguments of the command line.

    Raises
    ------
    ConetError
        For an unknown preset, or settings that name a file: the page runs no code and reads no other file.
    """
    if asked.preset not in PRESETS:
        raise ConetError(
            f"preset {asked.preset!r}"[:100], f"one of {', '.join(PRESETS)}", "choose one of these"
        )
    for pair in asked.settings:
        if pair.startswith("-") or not pair.isprintable():
            raise ConetError(f"{pair!r}"[:100], "key=value", "for example graph.nodes=400")
    # What the run would have, not what was typed: names of old, JSON and its escapes are resolved.
    settings = preset(asked.preset).override(parse_pairs(asked.settings or None))
    for file in (*files_named(settings.model_dump(mode="json")), *files_read(settings).values()):
        got = f"settings that name {file!r}"[:100]
        raise ConetError(got, "settings that name no file", "start this run from the command line")
    arguments = ["run", "--preset", asked.preset, "--seed", str(asked.seed), "--control", "--out", str(out)]
    arguments += [] if asked.steps is None else ["--steps", str(asked.steps)]
    return arguments + (["--set", *asked.settings] if asked.settings else [])


def presets() -> list[Preset]:
    """Return the presets, and what each is for."""
    return [Preset(name=name, purpose=purpose) for name, (purpose, _) in PRESETS.items()]
