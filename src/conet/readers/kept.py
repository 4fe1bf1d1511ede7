"""What was read of a large log, kept on disk, so that it is opened in seconds the next time.

It lies in the user's cache folder, for nobody else to read, and holds no completions, but the names of the
problems, which may be prompts. A log of which any file has changed is read anew, and one that still grows is
not kept.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet import __version__
from conet.base.panics import Panic, panics_as_errors
from conet.readers.again import Again
from conet.readers.trainers import READERS
from conet.rollouts import RolloutRecord

if TYPE_CHECKING:
    import polars

LARGE = 32 << 20  # bytes of a log that is kept (our choice)
QUIET = 2.0  # seconds for which none of its files may have changed: a clock may be that coarse (our choice)
MOST = 8  # logs that are kept; the one that was opened longest ago goes first (our choice)
NEW = ".new-"  # how a folder begins that is not whole yet
STALE = 86400.0  # seconds after which such a folder was left behind
ROOMS = ("readers", "rollouts")  # on whose source it depends what a record is
PLAIN = ("sources", "skipped", "skipped_files", "scalar_names", "follows")  # of a record, as JSON has them
Files = list[tuple[str, int, int, int, int, int]]


@dataclass(frozen=True)
class Kept:
    """Where the records of large logs are kept.

    Attributes
    ----------
    folder : Path or None
        None where there is no place for them: then all is read anew each time.
    large : int
        Bytes from which on a log is kept.
    quiet : float
        Seconds for which it may not have changed.
    """

    folder: Path | None
    large: int = LARGE
    quiet: float = QUIET

    def read(
        self, path: Path, options: Mapping[str, str], read: Callable[[], RolloutRecord]
    ) -> RolloutRecord:
        """Return the record of a log: that which is kept, or what a function reads, which is kept then.

        Parameters
        ----------
        path
            The log.
        options
            With which it is read: another record is kept for others.
        """
        began, files = time.time(), files_of(path)
        if self.folder is None or sum(file[1] for file in files) < self.large:
            return read()
        place = self.folder / blake2b(repr((str(path), sorted(options.items()))).encode()).hexdigest()[:32]
        key = key_of(files)
        found = load(place, key)
        if found is None:
            found = read()
            changed = max(max(file[2], file[3]) for file in files) / 1e9
            settled = changed < began - self.quiet and files_of(path) == files
            if settled and isinstance(_again(found), Again) and READERS.get(found.format):
                with suppress(OSError, Panic):
                    save(found, place, key)
        return found


def users_folder() -> Path | None:
    """Return the user's cache folder for records; None where there is none, or others may write into it."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        found = (Path(given) if os.path.isabs(given) else Path.home() / ".cache") / "conet" / "logs"
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = found.stat()
    except (OSError, RuntimeError):
        return None
    return found if state.st_uid == os.getuid() and not state.st_mode & 0o077 else None


def files_of(path: Path) -> Files:
    """Return of a file, or of all in a folder: name, size, times of change in nanoseconds, device, inode."""
    places = [str(path)]
    if path.is_dir():
        places = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    found = []
    for place in sorted(places):
        with suppress(OSError):
            one = os.stat(place)
            found.append((place, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_dev, one.st_ino))
    return found


def key_of(files: Files) -> str:
    """Return a digest of the state of files, and of what reads them."""
    import polars as pl

    digest = blake2b(repr((files, __version__, pl.__version__)).encode("utf-8", "surrogatepass"))
    here = Path(__file__).parents[1]
    for file in sorted(file for room in ROOMS for file in (here / room).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def save(record: RolloutRecord, place: Path, key: str) -> None:
    """Keep a record.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    again = _again(record)
    assert again is not None
    _tidy(place.parent)
    new = Path(tempfile.mkdtemp(prefix=NEW, dir=place.parent))
    try:
        tables = {"rows": record.rows, "lines": _lines_table(again.lines)}
        tables |= {} if record.scalars is None else {"scalars": record.scalars}
        said = {name: getattr(record, name) for name in PLAIN}
        for name in ("names", "asked", "remarks", "components"):
            said[name] = list(getattr(record, name))
        said |= {"path": str(record.path), "format": record.format, "files": list(map(str, record.files))}
        said["again"] = [dict(again.columns), list(again.all_columns), again.memory]
        data = {f"{name}.arrow": _written(table, new / f"{name}.arrow") for name, table in tables.items()}
        text = json.dumps(said).encode()
        (new / "record.json").write_bytes(text)
        data["record.json"] = text
        (new / "key.json").write_text(json.dumps([key, {name: _digest(one) for name, one in data.items()}]))
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def load(place: Path, key: str) -> RolloutRecord | None:
    """Return a record that was kept; None where there is none, of other files, or damaged."""
    import polars as pl

    try:
        known, digests = json.loads((place / "key.json").read_bytes())
        if known != key:
            return None
        data = {name: (place / name).read_bytes() for name in digests}
        if any(_digest(data[name]) != digest for name, digest in digests.items()):
            return None
        with panics_as_errors():
            tables = {
                name.removesuffix(".arrow"): pl.read_ipc(one)
                for name, one in data.items()
                if name.endswith(".arrow")
            }
        os.utime(place)
        return _record(json.loads(data["record.json"]), tables)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, Panic, pl.exceptions.PolarsError):
        return None


def _record(said: dict[str, Any], tables: "dict[str, polars.DataFrame]") -> RolloutRecord:
    columns, all_columns, memory = said["again"]
    lines = tables["lines"].partition_by("file", as_dict=True)
    again = Again(
        reader=READERS[said["format"]],
        columns=columns,
        all_columns=tuple(all_columns),
        memory=memory,
        lines={int(file): part["at"].to_numpy() for (file,), part in lines.items()},
    )
    return RolloutRecord(
        rows=tables["rows"],
        names=said["names"],
        path=Path(said["path"]),
        format=said["format"],
        files=tuple(map(Path, said["files"])),
        remarks=tuple(said["remarks"]),
        components=tuple(said["components"]),
        asked=tuple(said["asked"]),
        scalars=tables.get("scalars"),
        read_texts=again.texts,
        read_token_ids=again.token_ids,
        **{name: said[name] for name in PLAIN},
    )


def _again(record: RolloutRecord) -> Again | None:
    """Return how texts of a record are read; None where no reader of files does."""
    found = getattr(record.read_texts, "__self__", None)
    return found if isinstance(found, Again) else None


def _lines_table(lines: Mapping[int, np.ndarray]) -> "polars.DataFrame":
    import polars as pl

    files = [np.full(len(at), file, np.uint32) for file, at in lines.items()]
    kinds = {"file": pl.UInt32, "at": pl.Int64}
    if not files:
        return pl.DataFrame(schema=kinds)
    return pl.DataFrame({"file": np.concatenate(files), "at": np.concatenate(list(lines.values()))}, kinds)


def _written(table: "polars.DataFrame", path: Path) -> bytes:
    table.write_ipc(path, compression="zstd")
    return path.read_bytes()


def _digest(data: bytes) -> str:
    return blake2b(data).hexdigest()


def _tidy(folder: Path) -> None:
    """Remove what was left behind, and of whole records those that were opened longest ago."""
    with suppress(OSError):
        entries = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder))
        whole = [path for _, path in entries if not os.path.basename(path).startswith(NEW)]
        left = [path for at, path in entries if path not in whole and at < time.time() - STALE]
        for path in left + whole[: max(0, len(whole) - MOST + 1)]:
            shutil.rmtree(path, ignore_errors=True)
