"""Folders of W&B runs: ``run-ID.wandb``, or of what is left the history or the summary, read without W&B.

Source: wandb/wandb, wandb/sdk/internal/datastore.py (the container: blocks of 32 KiB with records, as in the
log of LevelDB) and wandb/proto/wandb_internal.proto (of a Record field 2 is history; of a HistoryRecord 1 are
the items and 2 is the step; of an item 1 is the key, 2 the parts of a nested key, 16 the value as JSON).
"""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from conet.readers.formats.chunk import Unusable, open_binary
from conet.readers.memory import longest_line
from conet.readers.scalars import lines
from conet.readers.scalars.base import Row, ScalarReader
from conet.readers.scalars.lines import numbers_of
from conet.readers.scalars.protobuf import fields, signed

BEGINS = b":W&B"
HEADER, BLOCK, RECORD = 7, 32768, 7  # bytes: of the file's header, of a block, of a record's header
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, SUMMARY = "wandb-history.jsonl", "wandb-summary.json"


def is_one(path: Path) -> bool:
    """Whether it is the log of a run, or what stands for it where that is missing."""
    if path.suffix == ".wandb":
        return True
    if path.name == HISTORY:
        return not _has_log(path)
    return path.name == SUMMARY and not _has_log(path) and not (path.parent / HISTORY).exists()


def _has_log(path: Path) -> bool:
    return any(True for _ in run(path).glob("*.wandb"))


def rows(path: Path) -> Iterator[Row]:
    """Yield the numbers of each time that was logged."""
    if path.name == HISTORY or path.name == SUMMARY:
        yield from lines.rows(path)
    else:
        with open_binary(path) as file:
            for record in records(file):
                for number, value in fields(record):
                    if number == 2 and isinstance(value, bytes) and (row := _history(value)):
                        yield row


def records(file: BinaryIO) -> Iterator[bytes]:
    """Yield the records of a log of W&B; one that is torn at the end is left out.

    Raises
    ------
    Unusable
        Where it is no such log, or a checksum is wrong.
    """
    if file.read(HEADER)[:4] != BEGINS:
        raise Unusable("does not begin as a log of W&B")
    place, waiting = HEADER, b""
    while True:
        left = BLOCK - place % BLOCK
        if left < RECORD:  # filled up with zeros
            file.read(left)
            place += left
        header = file.read(RECORD)
        if len(header) < RECORD:
            return
        checksum, length, kind = struct.unpack("<IHB", header)
        data = file.read(length)
        place += RECORD + length
        if len(data) < length:
            return
        if kind not in (FULL, FIRST, MIDDLE, LAST) or zlib.crc32(data, zlib.crc32(bytes([kind]))) != checksum:
            raise Unusable("holds a record whose checksum is wrong")
        waiting = data if kind in (FULL, FIRST) else waiting + data
        if len(waiting) > longest_line():
            raise Unusable(f"has a record of more than {longest_line() >> 20} MB; raise --memory")
        if kind in (FULL, LAST):
            yield waiting


def _history(data: bytes) -> dict[str, float]:
    """Return the numbers of a HistoryRecord, with the step."""
    entry: dict[str, object] = {}
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            key, written = _item(value)
            if key:
                entry[key] = written
        elif number == 2 and isinstance(value, bytes):
            step = next((part for field, part in fields(value) if field == 1 and isinstance(part, int)), 0)
            entry.setdefault("_step", signed(step))
    return numbers_of(entry)


def _item(data: bytes) -> tuple[str, object]:
    """Return key and value of an item."""
    keys: list[str] = []
    written = b"null"
    for number, value in fields(data):
        if isinstance(value, bytes) and number in (1, 2):
            keys.append(value.decode("utf-8", "replace"))
        elif isinstance(value, bytes) and number == 16:
            written = value
    try:
        return "/".join(keys), json.loads(written)
    except (ValueError, RecursionError):
        return "", None


def run(path: Path) -> Path:
    """Return the folder of the run."""
    return path.parent.parent if path.parent.name == "files" else path.parent


READER = ScalarReader(
    name="wandb",
    is_one=is_one,
    rows=rows,
    run=run,
    files="`wandb/run-*/run-*.wandb`; where that is missing `files/wandb-history.jsonl`, or the last values",
    trainer="Weights & Biases, online or offline",
    setting='TRL `report_to="wandb"`; verl `trainer.logger=[console,wandb]`; OpenRLHF `--use_wandb`',
)
