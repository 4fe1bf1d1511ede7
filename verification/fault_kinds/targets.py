"""Places for output that are something else: files, links, devices, pipes, folders; what is there stays as it is."""

import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import CAPACITY, CLAIM, LOG, OTHER, RUN, difference

COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "--config", "config.json", "--threads", "1"),
    "report": ("report", RUN, "--format", "svg"),
    "diagnose": ("diagnose", LOG),
    "watch": ("watch", LOG, "--refreshes", "1", "--interval", "0"),
    "compare": ("compare", RUN, OTHER),
    "sweep": ("sweep", "sweep.json", "--jobs", "1"),
    "heat": ("heat", LOG, "--max-accuracy", "0.9"),
    "heat for verl": ("heat", LOG, "--max-accuracy", "0.9", "--target", "verl"),
    "graphml": ("export", RUN, "--format", "graphml"),
    "gexf": ("export", RUN, "--format", "gexf"),
    "web": ("web", LOG, "--embedding", "words"),
    "capacity": ("capacity", "--preset", "smoke", *CAPACITY),
    "csv": ("export", RUN, "--format", "csv"),
    "animate": ("animate", RUN),
    "reproduce": ("reproduce", f"{CLAIM}:CLAIM", "--seeds", "2", "--jobs", "1"),
    "serve": ("serve", RUN),
}
OPTIONS = {"serve": "--export"}  # by which output is named, where it is not --out
FILES = ("heat", "heat for verl", "graphml", "gexf", "csv", "animate", "serve")  # the others write folders
NAME = "target.gif"  # an animation has to be called so, and all else may be


def text_file(target: Path) -> None:
    target.write_text("precious\n")


def empty_file(target: Path) -> None:
    target.touch()


def json_file(target: Path) -> None:
    target.write_text('{"prompt": "mine", "completion": "mine"}\n{"messages": []}\n')


def folder(target: Path) -> None:
    target.mkdir()
    (target / "mine").write_text("precious\n")


def folder_of_reports(target: Path) -> None:
    folder(target)
    (target / "report.html").write_text("mine")
    (target / "figures").mkdir()
    (target / "figures/mine.svg").write_text("<svg/>")


def hidden_in_folder(target: Path) -> None:
    target.mkdir()
    (target / ".mine").write_text("precious\n")


def link_to_file(target: Path) -> None:
    text_file(target.with_name("real"))
    target.symlink_to("real")


def link_to_folder(target: Path) -> None:
    folder(target.with_name("real"))
    target.symlink_to("real")


def link_to_nothing(target: Path) -> None:
    target.symlink_to("nowhere")


def link_to_itself(target: Path) -> None:
    target.symlink_to(target.name)


def another_run(target: Path) -> None:
    shutil.copytree(target.with_name(OTHER), target)


def link_to_a_run(target: Path) -> None:
    target.symlink_to(OTHER)


def device(target: Path) -> None:
    os.mknod(target, stat.S_IFCHR | 0o666, os.makedev(1, 3))


def link_to_device(target: Path) -> None:
    target.symlink_to("/dev/null")


def pipe(target: Path) -> None:
    os.mkfifo(target)
    threading.Thread(target=lambda: target.read_bytes(), daemon=True).start()


def bound_socket(target: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(target))


def below_a_file(target: Path) -> None:
    text_file(target.parent)


TARGETS: dict[str, Callable[[Path], None]] = {
    made.__name__.replace("_", " "): made
    for made in (
        *(text_file, empty_file, json_file, folder, folder_of_reports, hidden_in_folder),
        *(link_to_file, link_to_folder, link_to_nothing, link_to_itself, another_run, link_to_a_run),
        *(device, link_to_device, pipe, bound_socket, below_a_file),
    )
}
OUTPUTS = tuple(f"output of {command}" for command in COMMANDS)
ORDER = [*COMMANDS]  # a command that is added at the end adds cases at the end, so that numbers stay
CASES = sorted(
    ((command, target) for command in COMMANDS for target in (*TARGETS, *OUTPUTS)),
    key=lambda case: max(
        ORDER.index(name.removeprefix("output of ")) for name in case if name not in TARGETS
    ),
)


def standing(place: Path) -> dict[str, Any]:
    """Return what stands below a place: kind, content, where links lead."""
    found: dict[str, Any] = {}
    for path in sorted(place.rglob("*")):
        mode = path.lstat().st_mode
        content: Any = None
        if stat.S_ISLNK(mode):
            content = os.readlink(path)
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[str(path.relative_to(place))] = stat.S_IFMT(mode), content
    return found


def tried(slot: Path, command: str, target: str) -> str:
    """Make the target, call the command, and look at what has changed; in a fork."""
    place = slot / ("real/target" if target == "below a file" else NAME)
    again = target == f"output of {command}"
    if target in TARGETS:
        TARGETS[target](place)
    elif (first := written(target.removeprefix("output of "), place)).code:
        raise Fault("traceback", f"the first output: {first}")
    before = standing(slot)
    called = written(command, place)
    after = standing(slot)
    allowed = called.code == 0 and (again or may_be_written(command, target))
    mine = {name for name in {*before, *after} if allowed and name.split("/")[0] in (NAME, "nowhere")}
    if (
        command == "report" and called.code == 0
    ):  # it adds figures to any folder, and replaces none but its own
        mine |= {name for name in after if name.endswith(".svg") and (again or name not in before)}
    kept, left = ({n: v for n, v in one.items() if n not in mine} for one in (before, after))
    if differs := difference(kept, left):
        raise Fault("changed", f"{called}; {differs}"[:500])
    if target in ("device", "link to device", "pipe", "link to nothing", "bound socket") and before.get(
        NAME
    ) != after.get(NAME):
        raise Fault("changed", f"{called}; the {target} is no longer one")
    if again and command != "run" and called.code:
        raise Fault("lost", f"an earlier output of the same kind is refused: {called}")
    return ending(called, again)


def written(command: str, place: Path) -> Called:
    """Call a command that is to write to a place."""
    return call(*COMMANDS[command], OPTIONS.get(command, "--out"), str(place))


def ending(called: Called, again: bool) -> str:
    """Say what came of it."""
    if called.code:
        return "refused"
    return "written again" if again else "written"


def may_be_written(command: str, target: str) -> bool:
    """Whether a command may write where there is no earlier output of its kind."""
    if target in ("empty file", "device", "link to device", "pipe"):
        return command in FILES
    related = {
        **{"diagnose": "output of watch", "watch": "output of diagnose"},
        **{"heat": "output of heat for verl", "heat for verl": "output of heat"},
    }
    return target == "link to nothing" or related.get(command) == target


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Give one command one target."""
    command, target = CASES[number % len(CASES)]
    slot = bench.fresh()
    try:
        answer = in_child(lambda: tried(slot, command, target))
    except Fault as fault:
        raise Fault(fault.name, f"{command} --out {target}: {fault.what}") from None
    if isinstance(answer, Died):
        raise Fault("died", f"{command} --out {target}: signal {answer.signal}")
    return target, answer


KIND = Kind(
    name="targets",
    what="an --out that is a file, a link, a device, a pipe, a folder, or another command's output",
    goal=len(CASES),
    case=case,
    short=(168, 180),
)
