"""Words of commands: a real bash reads back the very bytes."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.values import display
from renderers import shell
from tests.integration.lab import HOSTILE

pytestmark = pytest.mark.tool("bash")
NAMES = st.binary(max_size=20).map(lambda one: one.replace(b"\0", b""))


def read_back(text: str) -> list[bytes]:
    """The arguments that bash gives to a command."""
    script = f"printf '%s\\0' {text}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    return done.stdout.split(b"\0")[:-1]


@given(words=st.lists(NAMES, min_size=1, max_size=9))
@example(words=[b"\x01" + b"1", b"\xff" + b"7", b"'\n'", b"\\", b"~", b"!x", b"$x", b""])
@example(words=list(HOSTILE))
def test_a_shell_reads_back_the_same_bytes(words: list[bytes]) -> None:
    line = " ".join(map(shell.word, words))
    assert line == display(line.encode()), "and it is shown on one line as it is"
    assert read_back(line) == words


def test_what_is_plain_stays_so() -> None:
    assert shell.word(b"/srv/nfs-ssd/a_b.c") == "/srv/nfs-ssd/a_b.c"
    assert shell.word(b"it's") == "'it'\\''s'"
    assert shell.word("grüße".encode()) == "'grüße'"
    assert shell.word(b"a\nb") == "$'a\\012b'"


@pytest.mark.parametrize(
    ("value", "after", "last"),
    [
        ("/srv/nfs/a b", "/", "a b"),
        ("/srv/x:y", "/", "x:y"),
        ("pvcs:media/films", "/:", "films"),
        ("pvcs:films", "/:", "films"),
        ("/srv/nfs", "", "/srv/nfs"),
    ],
)
def test_what_a_person_has_filled_in(value: str, after: str, last: str) -> None:
    line = f"$(LOST={shell.word(value.encode())}; echo {shell.variable('LOST', after=after)})"
    assert read_back(f'"{line}"') == [last.encode()]
