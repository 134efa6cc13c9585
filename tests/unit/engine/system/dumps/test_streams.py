"""Artefacts as they lie on the disk."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dumps.figures import NotWhole
from engine.system.dumps.streams import reading, sha256_of, writing
from policy.legs.dump import Compression

EACH = pytest.mark.parametrize("compression", Compression)
PACKED = pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.GZIP])


def packed(pieces: list[bytes], compression: Compression) -> bytes:
    file = io.BytesIO()
    write, end = writing(file, compression)
    for one in pieces:
        assert write(one) == b"", "a client's output is kept nowhere else"
    end()
    return file.getvalue()


@EACH
@given(pieces=st.lists(st.binary(max_size=99), max_size=9))
def test_what_was_written_is_read(compression: Compression, pieces: list[bytes]) -> None:
    file = io.BytesIO(packed(pieces, compression))
    assert b"".join(reading(file, compression)) == b"".join(pieces)


@PACKED
def test_law_18_cut_off_anywhere_it_is_told(compression: Compression) -> None:
    whole = packed([b"all rows " * 50], compression)
    for length in range(len(whole)):
        if compression is Compression.GZIP and length == 0:
            continue  # nothing at all is refused before
        with pytest.raises(NotWhole):
            list(reading(io.BytesIO(whole[:length]), compression))


@PACKED
def test_law_18_a_rotten_byte_is_told(compression: Compression) -> None:
    content = b"".join(b"row %d\n" % number for number in range(200))
    whole = packed([content], compression)
    header = 10 if compression is Compression.GZIP else 5
    for at in range(header, len(whole)):
        rotten = bytearray(whole)
        rotten[at] ^= 1
        with suppress(NotWhole):
            assert b"".join(reading(io.BytesIO(bytes(rotten)), compression)) == content


@PACKED
def test_several_parts_are_one_text(compression: Compression) -> None:
    both = packed([b"one "], compression) + packed([b"two"], compression)
    assert b"".join(reading(io.BytesIO(both), compression)) == b"one two"


@PACKED
def test_what_is_packed_very_well_is_unpacked_bit_by_bit(compression: Compression) -> None:
    whole = packed([bytes(1 << 20)] * 64, compression)
    sizes = [len(one) for one in reading(io.BytesIO(whole), compression)]
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= 64 << 20


@PACKED
def test_what_follows_the_end_is_told(compression: Compression) -> None:
    whole = packed([b"content"], compression)
    with pytest.raises(NotWhole):
        list(reading(io.BytesIO(whole + b"more" * 9), compression))


@given(content=st.binary(max_size=200), most=st.integers(0, 300))
def test_a_sum_of_all_or_of_a_part(content: bytes, most: int) -> None:
    file = io.BytesIO(content)
    assert sha256_of(file) == hashlib.sha256(content).hexdigest()
    assert sha256_of(file, most) == hashlib.sha256(content[:most]).hexdigest()
    assert file.read() == content[most:]
