"""The wire format of protocol buffers: numbers of fields and their values, as far as logs need it.

Source: protobuf.dev/programming-guides/encoding.
"""

import struct
from collections.abc import Iterator

from conet.readers.formats.chunk import Unusable

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
LONGEST_VARINT = 10  # bytes


def fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Yield number and value of each field of a message.

    Four and eight bytes are read as floating-point numbers, which these logs have and no others.

    Raises
    ------
    Unusable
        Where it breaks off, or is no message.
    """
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        size, place = (
            _varint(data, place) if kind == BYTES else ({EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(kind, -1), place)
        )
        if size < 0 or place + size > len(data):
            raise Unusable("holds a record that is no message of protocol buffers")
        part = data[place : place + size]
        place += size
        yield number, part if kind == BYTES else struct.unpack("<d" if kind == EIGHT_BYTES else "<f", part)[0]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(LONGEST_VARINT):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 127) << (7 * shift)
        if byte < 128:
            return value, place
    raise Unusable("holds a number that breaks off")


def signed(value: int) -> int:
    """Return a whole number of 64 bits with its sign."""
    return value - (1 << 64) if value >= 1 << 63 else value
