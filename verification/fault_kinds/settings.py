"""Hostile settings, by ``--set``, by options, and in files: refused in one line, or taken as they are written."""

import contextlib
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.config import Config, aliases
from conet.config.checking import flatten
from fault_kinds import hostile
from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Fault, call
from fault_kinds.worlds import CONFIG

OPTIONS = ("--seed", "--steps", "--threads")
MOST = 3_000_000  # edges, walks and hops up to which a run is really made


class Taken(BaseException):
    """The command would have begun to train."""


class Seen:
    """What a command would have trained with."""

    config: Config | None = None
    threads = 0


@contextlib.contextmanager
def watched() -> Iterator[Seen]:
    """See what a run begins with; train only where that is quick."""
    from conet.runs import launch

    seen, real = Seen(), launch.run

    def run(config: Config, out: Any, **options: Any) -> Any:
        seen.config, seen.threads = config, options["threads"]
        if cost(config) > MOST:
            raise ConetError("a large run", "a small one", "it was taken")
        return real(config, out, **options)

    launch.run = run
    try:
        yield seen
    finally:
        launch.run = real


def cost(config: Config) -> float:
    """Return about how much a run does."""
    walks = config.problems.count * config.problems.max_length
    steps = config.steps + 60  # snapshots
    many = max(config.learner.rollouts, config.snapshots.traffic_walks, config.snapshots.pass_walks)
    harvest = config.schedule.harvest_samples * walks
    return config.graph.nodes * config.graph.degree * steps + walks * steps * many / 4 + harvest


def tried(bench: Bench, *arguments: str) -> tuple[Config | None, int, str]:
    """Call ``conet run``; return what it trained with, if it came to that, and its threads and its exit."""
    out = bench.slot / "out"
    shutil.rmtree(out, ignore_errors=True)
    with watched() as seen:
        called = call("run", *arguments, "--out", str(out))
    return seen.config, seen.threads, "refused" if called.code else "run"


def ready(bench: Bench) -> Path:
    """Return a small config's file."""
    bench.slot.mkdir(exist_ok=True)
    file = bench.slot / "config.json"
    data = json.loads(CONFIG.override({"steps": 3, "schedule.name": "rlvr"}).to_json())
    data["schedule"] = {"name": "rlvr"}
    file.write_text(json.dumps(data))
    return file


def set_case(bench: Bench, number: int) -> tuple[str, str]:
    """Give one value, or two, or an option."""
    rng, file = bench.random(number), ready(bench)
    if rng.random() < 0.1:
        return option_case(bench, rng, file)
    odd = rng.random() < 0.1
    key = rng.choice(hostile.ODD_KEYS if odd else hostile.keys())
    text = hostile.value(rng)
    given = f"--set {key[:40]}={text[:60]!r}"
    try:
        config, _, ending = tried(bench, "--config", str(file), "--set", f"{key}={text}")
        if config is not None and not hostile.same(hostile.meant(text), hostile.changed(config, key)):
            raise Fault("silent", f"taken as {hostile.changed(config, key)!r}")
    except Fault as fault:
        raise Fault(fault.name, f"{given}: {fault.what}") from None
    except KeyError:
        raise Fault("silent", f"{given}: taken, and there is no such key") from None
    return "odd keys" if odd else key.split(".")[0], verdict(config, ending)


def option_case(bench: Bench, rng: random.Random, file: Path) -> tuple[str, str]:
    """Give an option that wants a whole number."""
    name, text = rng.choice(OPTIONS), hostile.value(rng)
    try:
        config, threads, ending = tried(bench, "--config", str(file), f"{name}={text}")
    except Fault as fault:
        raise Fault(fault.name, f"{name}={text[:60]!r}: {fault.what}") from None
    if config is not None:
        found = {"--seed": config.seed, "--steps": config.steps, "--threads": threads}[name]
        wanted = int(text) if text.isascii() and text.lstrip("-").isdecimal() else None
        if found != wanted:
            raise Fault("silent", f"{name}={text!r}: taken as {found}")
    return "options", verdict(config, ending)


def verdict(config: Config | None, ending: str) -> str:
    """Say what came of it."""
    if config is None:
        return "refused"
    return "taken as written" if ending == "run" else "refused by what it sets"


def file_case(bench: Bench, number: int) -> tuple[str, str]:
    """Give a file of settings."""
    rng = bench.random(number)
    bench.slot.mkdir(exist_ok=True)
    text, group = document(rng)
    file = bench.slot / ("settings.json" if rng.random() < 0.9 else "settings.txt")
    file.write_bytes(text)
    try:
        config, _, ending = tried(bench, "--config", str(file), "--steps", "3")
        if config is not None:
            compare(text, config)
    except Fault as fault:
        raise Fault(fault.name, f"{group} {text[:150]!r}: {fault.what}") from None
    return group, verdict(config, ending)


def compare(text: bytes, config: Config) -> None:
    """Raise where a config is not what the file says."""
    try:
        data = json.loads(text.decode(), object_pairs_hook=hostile.once)
        flat = flatten(data)
    except (ValueError, ConetError) as error:
        raise Fault("silent", f"taken, though {type(error).__name__}") from None
    for key, wanted in flat.items():
        if aliases.current(key, aliases.SETTINGS) not in ("steps", "preset"):
            found = hostile.changed(config, key)
            if not hostile.same(wanted, found):
                raise Fault("silent", f"{key} taken as {found!r}")


def document(rng: random.Random) -> tuple[bytes, str]:
    """Draw a file, mostly one that is nearly right."""
    small = {"graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "problems.max_length": 8}
    pairs = [(key, json.dumps(value)) for key, value in small.items()]
    for _ in range(rng.randrange(3)):
        pairs.append((rng.choice(hostile.keys()), as_json(rng)))
    rng.shuffle(pairs)
    way = rng.choice(("dotted", "nested", "mixed", "twice", "damaged", "encoding", "shape"))
    if way == "twice":
        pairs.append(rng.choice(pairs))
    text = written(pairs, nested=way in ("nested", "mixed", "twice"), mixed=way == "mixed", rng=rng)
    data = text.encode("utf-8", "surrogatepass")
    if way == "damaged":
        place = rng.randrange(len(data))
        data = data[:place] + rng.randbytes(rng.randrange(4)) + data[place + rng.randrange(4) :]
    if way == "encoding":
        data = text.encode(rng.choice(("utf-8-sig", "utf-16", "utf-32", "utf-7")), "replace")
    if way == "shape":
        data = rng.choice(
            (b"", b"[]", b"null", b"5", b'"x"', b"{}", b"\0", b"[" * 50000, b'{"graph":' * 3000, data * 2)
        )
    return data, way


def as_json(rng: random.Random) -> str:
    """Draw a value as JSON, or nearly."""
    text = hostile.value(rng)[:2000]
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return json.dumps(text)
    return text


def written(pairs: list[tuple[str, str]], nested: bool, mixed: bool, rng: random.Random) -> str:
    """Write pairs as an object: dotted, nested, or some of each."""
    flat, sections = [], {}
    for key, value in pairs:
        section, dot, inner = key.partition(".")
        if nested and dot and not (mixed and rng.random() < 0.5):
            sections.setdefault(section, []).append(f"{json.dumps(inner)}: {value}")
        else:
            flat.append(f"{json.dumps(key)}: {value}")
    flat += [f'"{name}": {{{", ".join(inner)}}}' for name, inner in sections.items()]
    return "{" + ", ".join(flat) + "}"


SET = Kind(
    name="settings",
    what="a hostile value of --set, or of an option",
    goal=5000,
    case=set_case,
    forks=False,
    short=tuple(range(40)),
)
FILES = Kind(
    name="configs",
    what="a hostile file of settings",
    goal=500,
    case=file_case,
    forks=False,
    short=tuple(range(20)),
)
