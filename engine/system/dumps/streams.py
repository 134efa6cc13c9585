"""Artefacts as they lie on the disk: compressed as they come, and read back as they were."""

from __future__ import annotations

import gzip
import hashlib
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Protocol

import zstandard

from engine.dumps.figures import NotWhole
from policy.legs.dump import Compression

_CHUNK = 1 << 20
_PACKED = 1 << 14
"""Bytes that are unpacked at once: each four of them may be 128 KiB (RFC 8878, RLE_Block)."""
_WITH_GZIP_HEADER = 31
"""zlib: the largest window, and gzip's header (zlib manual, deflateInit2)."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def writing(file: IO[bytes], compression: Compression) -> tuple[Callable[[bytes], bytes], _End]:
    """What takes each piece of an artefact, and what is to be called after the last one."""
    compressor = _compressor(compression)

    def write(chunk: bytes) -> bytes:
        file.write(chunk if compressor is None else compressor.compress(chunk))
        return b""

    def end() -> None:
        if compressor is not None:
            file.write(compressor.flush())

    return write, end


_End = Callable[[], None]


def _compressor(compression: Compression) -> _Compressor | None:
    match compression:
        case Compression.ZSTD:
            # With its sum, so that a rotten byte is found when it is read back.
            return zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
        case Compression.GZIP:
            return zlib.compressobj(6, zlib.DEFLATED, _WITH_GZIP_HEADER)
        case Compression.NONE:
            return None


def reading(file: IO[bytes], compression: Compression) -> Iterator[bytes]:
    """What an artefact holds, piece by piece. Raises `NotWhole`."""
    try:
        yield from _pieces(file, compression)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise NotWhole(f"it is cut off or damaged: {error}") from None


def _pieces(file: IO[bytes], compression: Compression) -> Iterator[bytes]:
    match compression:
        case Compression.ZSTD:
            yield from _zstd(file)
        case Compression.GZIP:
            with gzip.open(file) as plain:
                while chunk := plain.read(_CHUNK):
                    yield chunk
        case Compression.NONE:
            while chunk := file.read(_CHUNK):
                yield chunk


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    """Frame by frame: several may lie in one file (RFC 8878, section 3)."""
    frame, rest = zstandard.ZstdDecompressor().decompressobj(), b""
    while chunk := rest or file.read(_PACKED):
        if frame.eof:
            frame = zstandard.ZstdDecompressor().decompressobj()
        yield frame.decompress(chunk)
        rest = frame.unused_data
    if not frame.eof:
        raise NotWhole("it is cut off")


def _nothing() -> None:
    """What is done between two pieces where nothing is."""


def sha256_of(
    file: IO[bytes], most: int | None = None, *, between: Callable[[], None] = _nothing
) -> str:
    """The sum of a file from its beginning: of all of it, or of so many bytes.

    `between`: called for each piece; whatever it raises ends the reading.
    """
    digest, left = hashlib.sha256(), sys.maxsize if most is None else most
    file.seek(0)
    while chunk := file.read(min(_CHUNK, left)):
        digest.update(chunk)
        left -= len(chunk)
        between()
    return digest.hexdigest()
