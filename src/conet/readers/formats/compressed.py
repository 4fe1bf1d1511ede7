"""Files that are compressed as a whole (gzip, Zstandard, xz), read as if they were not."""

import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, BinaryIO

SUFFIXES = (".gz", ".zst", ".zstd", ".xz")
GZIP, ZSTD, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00"
MOST_DICTIONARY = 256 << 20  # bytes that unpacking xz may take
BLOCK = 1 << 16


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading its bytes, unpacked where it is compressed.

    What a file that breaks off holds up to there is read; :func:`broken` then says that it does.
    """
    file = path.open("rb")
    start = file.peek(len(XZ))[: len(XZ)]
    if start.startswith(GZIP):
        return io.BufferedReader(_Whole(gzip.GzipFile(fileobj=file)))
    if start.startswith(ZSTD):
        import pyarrow as pa

        return io.BufferedReader(_Whole(pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")))
    if start.startswith(XZ):
        return io.BufferedReader(_Whole(_Xz(file)))
    return file


def broken(file: BinaryIO) -> str:
    """Say why a file that was read to its end was not unpacked to its end; the empty text where it was."""
    return str(getattr(getattr(file, "raw", None), "broken", ""))


def plain_suffix(path: Path) -> str:
    """Return the suffix of a name, in small letters; of a compressed file the one before that."""
    if path.suffix.lower() in SUFFIXES:
        return Path(path.stem).suffix.lower()
    return path.suffix.lower()


class _Whole(io.RawIOBase):
    """A stream of unpacked bytes, which ends where the file breaks off."""

    def __init__(self, source: Any) -> None:
        self.source, self.broken, self.place = source, "", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self.source.read1(min(len(buffer), BLOCK))
        except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            self.broken = f"is compressed, and breaks off or is damaged ({error})"
            return 0
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)

    def tell(self) -> int:
        return self.place

    def close(self) -> None:
        if not self.closed:
            self.source.close()
        super().close()


class _Xz:
    """Unpacks xz with a bound on the memory that this takes."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.unpacker = lzma.LZMADecompressor(memlimit=MOST_DICTIONARY)

    def read1(self, size: int) -> bytes:
        """Return some bytes; none at the end."""
        while True:
            if self.unpacker.eof:
                rest = self.unpacker.unused_data or self.file.read(BLOCK)
                if not rest.strip(b"\0"):
                    return b""
                self.unpacker = lzma.LZMADecompressor(memlimit=MOST_DICTIONARY)
            else:
                rest = self.file.read(BLOCK) if self.unpacker.needs_input else b""
                if not rest and self.unpacker.needs_input:
                    raise EOFError("the end is missing")
            if data := self.unpacker.decompress(rest, size):
                return data

    def close(self) -> None:
        """Close the file."""
        self.file.close()
