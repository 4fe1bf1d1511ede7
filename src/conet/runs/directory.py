"""How a run directory appears: whole, by one rename, and already locked."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from conet.base.digests import DIGESTS, is_run
from conet.base.errors import ConetError
from conet.base.files import cannot_write, digest, digest_of, sync, sync_all, write_atomic
from conet.base.journal import line_of, read
from conet.base.kinds import UNFINISHED, resume_command
from conet.base.leftovers import is_temporary, remove_temporaries
from conet.base.lock import NAME, Busy, Held, exclusive
from conet.base.places import check_folder, make_missing, numbered_places, taken
from conet.runs.tables import GROWING

HIDDEN = ".conet-"  # how a directory is called until it is whole
# What may be in a directory that is not whole yet; one with anything else is not ours to remove.
FILES = {"config.json", "recipe.json", "provenance.json", "graph.safetensors"}
FOLDERS = {"rollouts", "snapshots", "figures", "checkpoints"}
CONTENT = FILES | FOLDERS | {DIGESTS, NAME}
# What is added before the first update.
BEGINNING = {*GROWING.values(), "problems.parquet", "requests.jsonl", "actions.jsonl"}
FIRST_SNAPSHOT = "step-00000000.safetensors"
TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}  # what systems say when something stands there
MOUNTED = {errno.EBUSY, errno.EXDEV}


def check_out(path: Path) -> None:
    """Refuse a place for a run that is taken.

    Raises
    ------
    ConetError
        When it is, or its name is not in UTF-8.
    """
    check_name(path)
    if not is_unbegun(path):
        check_folder(path, remedy=_go_on(path))


def check_name(path: Path) -> None:
    """Refuse a place whose name is not in UTF-8, which the tables' library needs.

    Raises
    ------
    ConetError
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConetError(f"--out {str(path)!a}", "a path in UTF-8", "choose another") from None


def _go_on(path: Path) -> str:
    """Say how to go on with a run; nothing where a place is none."""
    return f"go on with `{resume_command(path)} {path}`" if is_run(path) else ""


def is_unbegun(path: Path) -> bool:
    """Whether a folder is a run that ended before its first update was known: its place may be taken.

    It holds what a run appears with, as it was written, and at most what is measured before the first update.
    """
    try:
        names = {entry.name for entry in path.iterdir() if not is_temporary(entry.name)}
        if DIGESTS not in names or names - CONTENT - BEGINNING:
            return False
        metrics = path / GROWING["metrics"]
        done = any(_whole_names(path / name) - {FIRST_SNAPSHOT} for name in FOLDERS)
        if done or (metrics.exists() and metrics.stat().st_size):
            return False
        digests = {row["name"]: row["sha256"] for row in read(path / DIGESTS) if row.get("created")}
        files = names & FILES
        return bool(files) and all(digests.get(name) == digest_of(path / name) for name in files)
    except (ConetError, OSError, LookupError):
        return False


def _whole_names(folder: Path) -> set[str]:
    """Return the names in a folder, if it is there, but for what a killed process left."""
    found = folder.iterdir() if folder.is_dir() else ()
    return {entry.name for entry in found if not is_temporary(entry.name)}


def _clear(path: Path) -> None:
    """Remove from a folder what killed processes left in it, and a whole run that had not begun.

    Raises
    ------
    ConetError
        When another process works on it, or has filled it meanwhile, or it cannot be emptied.
    """
    with exclusive(path):
        check_out(path)  # again: only now nobody else changes it
        whole = is_unbegun(path)
        remove_temporaries(path)
        try:
            (path / UNFINISHED).unlink(missing_ok=True)
            for entry in path.iterdir() if whole else ():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry.name != NAME:
                    entry.unlink()
        except OSError as error:
            raise cannot_write(path, error) from None


def default_places(name: str, seed: int) -> Iterator[Path]:
    """Yield ``runs/<name>-s<seed>-<time>``, and the next ones for when another run has just taken it."""
    return numbered_places(Path("runs") / f"{name}-s{seed}-{time.strftime('%Y%m%d-%H%M%S')}")


@contextmanager
def created(
    out: Path | None, name: str, seed: int, files: Mapping[str, bytes], folders: Sequence[str]
) -> Iterator[Held]:
    """Make a run directory appear, and hold it.

    Parameters
    ----------
    out
        A new or empty directory, or one of a run that had not begun; the next free default place where
        absent.
    name, seed
        What the default place is called after.
    files
        Contents by name. Their digests are written beside them.
    folders
        Empty folders in it.

    Raises
    ------
    ConetError
        When the place is taken, or cannot be written.
    """
    for place in default_places(name, seed) if out is None else [out]:
        if out is None and place.exists():
            continue
        path = Path(os.path.realpath(place))  # so that an empty working directory, or a link to one, will do
        with _beside(path, out is not None) as held:
            temporary = held.path
            try:
                _fill(temporary, files, folders)
                if _appeared(temporary, path, out is None):
                    held.path = path
                    yield held
                    return
            finally:
                shutil.rmtree(temporary, ignore_errors=True)  # there is none where it was renamed


@contextmanager
def _beside(path: Path, given: bool) -> Iterator[Held]:
    """Hold a new hidden directory beside a place, after removing those that killed processes left there.

    A place that the user has given is taken or refused now. Of a default one, :func:`_appeared` finds out:
    another run may take it at any moment, and then the next one will do.
    """
    check_name(path)
    if given:
        check_out(path)
        if path.is_dir():
            _clear(path)
    make_missing(path.parent)
    try:
        for left in path.parent.glob(f"{HIDDEN}*"):
            _remove_if_left(left)
    except OSError as error:
        raise cannot_write(path, error) from None
    with ExitStack() as stack:
        yield _new(path, stack)


def _new(path: Path, stack: ExitStack) -> Held:
    """Make a hidden directory and hold it; until then another process may take it for one that was left."""
    while True:
        try:
            temporary = Path(tempfile.mkdtemp(prefix=HIDDEN, dir=path.parent))
        except OSError as error:
            raise cannot_write(path, error) from None
        try:
            held = stack.enter_context(exclusive(temporary))
            held.check()
            temporary.chmod(0o755)
        except Busy:  # that process holds it, and is about to remove it
            continue
        except (ConetError, OSError):
            if temporary.exists():
                raise
            continue
        return held


def _remove_if_left(path: Path) -> None:
    with suppress(ConetError, OSError):  # another process is filling it, or has removed it
        names = [entry.name for entry in path.iterdir()]
        if path.is_symlink() or not all(name in CONTENT or is_temporary(name) for name in names):
            return
        with exclusive(path):
            shutil.rmtree(path, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, bytes], folders: Sequence[str]) -> None:
    try:
        for name in folders:
            (folder / name).mkdir()
    except OSError as error:
        raise cannot_write(folder, error) from None
    for name, data in files.items():
        write_atomic(folder / name, data, durable=False)
    rows = [{"name": name, "sha256": digest(data), "created": True} for name, data in files.items()]
    lines = b"".join(line_of(row, checked=True) for row in rows)
    write_atomic(folder / DIGESTS, lines, durable=False)
    sync_all([folder, *(folder / name for name in (*files, *folders, DIGESTS))])


def _appeared(temporary: Path, path: Path, another: bool) -> bool:
    """Rename the directory into place; False where it was taken meanwhile and another will do."""
    try:
        os.rename(temporary, path)
        sync(path.parent)
    except OSError as error:
        if error.errno in MOUNTED:
            raise ConetError(
                f"--out {path}, which is a mount point",
                "a folder",
                f"name one inside it, such as {path / 'run'}",
            ) from None
        if error.errno not in TAKEN:
            raise cannot_write(path, error) from None
        if another:
            return False
        raise taken(path, remedy=_go_on(path)) from None
    return True
