"""TensorBoard event files, read without TensorBoard: records of TFRecord, each an Event of protocol buffers.

Source: tensorflow/tensorflow, tensorflow/core/lib/io/record_writer.h (a record: its length in 8 bytes, a
masked CRC-32C of these, the data, one of them), tensorflow/core/util/event.proto and
tensorflow/core/framework/summary.proto.
"""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conet.readers.formats.chunk import Unusable, open_binary
from conet.readers.memory import longest_line
from conet.readers.scalars.base import Row, ScalarReader
from conet.readers.scalars.names import STEP
from conet.readers.scalars.protobuf import fields, signed

HEADER = 12  # bytes: length and its checksum
FLOAT, DOUBLE = 1, 2  # types of a tensor
CHECKED = 1 << 16  # bytes of a record that is compared with its checksum; longer ones hold texts and pictures


def is_one(path: Path) -> bool:
    """Whether it is called as TensorBoard calls its files, or begins as they do."""
    return ".tfevents." in path.name


def rows(path: Path) -> Iterator[Row]:
    """Yield the scalars of each event.

    Raises
    ------
    Unusable
        Where a checksum is wrong; a last record that is torn, as while a training runs, ends the file.
    """
    with open_binary(path) as file:
        while len(header := file.read(HEADER)) == HEADER:
            length, checksum = struct.unpack("<QI", header)
            if masked_crc(header[:8]) != checksum:
                raise Unusable("holds a record whose checksum is wrong")
            if length > longest_line():
                raise Unusable(f"has a record of {length >> 20} MB; raise --memory")
            data, last = file.read(length), file.read(4)
            if len(data) < length or len(last) < 4:
                return
            if length <= CHECKED:
                if masked_crc(data) != struct.unpack("<I", last)[0]:
                    raise Unusable("holds a record whose checksum is wrong")
                found = _scalars(data)
                if len(found) > 1:
                    yield found


def _scalars(data: bytes) -> dict[str, float]:
    """Return step and scalars of an Event."""
    found: dict[str, float] = {STEP: 0.0}
    for number, value in fields(data):
        if number == 2 and isinstance(value, int):
            found[STEP] = float(signed(value))
        elif number == 5 and isinstance(value, bytes):
            for inner, part in fields(value):
                if inner == 1 and isinstance(part, bytes):
                    _add(part, found)
    return found


def _add(data: bytes, found: dict[str, float]) -> None:
    """Add a value of a Summary: its tag is field 1, a simple value 2, a tensor 8."""
    tag, number = "", None
    for field, value in fields(data):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif field == 2 and isinstance(value, float):
            number = value
        elif field == 8 and isinstance(value, bytes):
            number = _of_tensor(value)
    if tag and tag != STEP and number is not None:
        found[tag] = number


def _of_tensor(data: bytes) -> float | None:
    """Return the one number of a tensor (type 1, bytes 4, floats 5, doubles 6); None of any other."""
    kind, found = 0, None
    for field, value in fields(data):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field in (4, 5, 6) and isinstance(value, float):
            found = value
        elif field in (4, 5, 6) and isinstance(value, bytes):
            code = {FLOAT: "<f", DOUBLE: "<d"}.get(kind, "")
            if code and len(value) == struct.calcsize(code):
                found = struct.unpack(code, value)[0]
    return found


def masked_crc(data: bytes) -> int:
    """Return the checksum of a record: CRC-32C (Castagnoli), rotated by 15 bits, plus a constant."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> list[int]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        found.append(byte)
    return found


READER = ScalarReader(
    name="tensorboard",
    is_one=is_one,
    rows=rows,
    files="`events.out.tfevents.*`, at any depth",
    trainer="TensorBoard (TRL, verl, OpenRLHF, NeMo-RL, …)",
    setting=(
        'TRL `report_to="tensorboard"`; verl `trainer.logger=[console,tensorboard]`; '
        "OpenRLHF `--use_tensorboard DIR`"
    ),
)
