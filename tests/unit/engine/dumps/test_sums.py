"""The list of sums beside the record of a dump."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.dumps.sums import LONGEST, NoLine, line_of, parse_line

DIGEST = hashlib.sha256(b"").hexdigest()
NAME = st.binary(min_size=1, max_size=20).filter(
    lambda one: one not in {b".", b".."} and not {0, ord("/")} & set(one)
)
NAMES = st.lists(NAME, min_size=1, max_size=4).map(tuple)


@given(names=NAMES)
@example(names=(b"\\", b"\n", b"\r"))
@example(names=(b"  *x", b"\\n"))
def test_what_was_written_is_read(names: tuple[bytes, ...]) -> None:
    line = line_of(names, DIGEST)
    assert line.count(b"\n") == 1
    assert parse_line(line) == (names, DIGEST)


@given(line=st.binary(max_size=100) | st.binary(max_size=30).map(lambda x: line_of((x,), DIGEST)))
@example(line=line_of((b"a", b"..", b"b"), DIGEST))
@example(line=line_of((b"",), DIGEST))
@example(line=line_of((b"", b"etc"), DIGEST))
@example(line=line_of((b"a",), DIGEST)[:-1])
@example(line=b"\\%s  a\\0b\n" % DIGEST.encode())
@example(line=line_of((b"a",), DIGEST.upper()))
def test_what_leads_out_or_is_no_line_is_told(line: bytes) -> None:
    try:
        names, digest = parse_line(line)
    except NoLine:
        return
    assert not {b"", b".", b".."} & set(names)
    assert parse_line(line_of(names, digest)) == (names, digest)


def test_sha256sum_reads_it(tmp_path: Path) -> None:
    """By whatever coreutils is here: nobody needs policyctl to hold a dump against its list."""
    assert shutil.which("sha256sum")
    names = [b"plain", b"a b", b" *lead", b"back\\slash", b"new\nline", b"\xff\xfe", b"-dash", b"#"]
    lines = []
    for name in names:
        path = tmp_path.joinpath("d", name.decode(errors="surrogateescape"))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)
        lines.append(line_of((b"d", name), hashlib.sha256(name).hexdigest()))
    (tmp_path / "list").write_bytes(b"".join(lines))
    command = ["sha256sum", "--check", "--strict", "--quiet", "list"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_line_that_is_cut_is_none() -> None:
    with pytest.raises(NoLine):
        parse_line(line_of((b"a" * LONGEST,), DIGEST)[:LONGEST])
