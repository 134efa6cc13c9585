"""Servers that listen, as `ss` tells of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.draft.servers import Listening, listening_in

ANSWER = """\
LISTEN 0      244        127.0.0.1:5432       0.0.0.0:*    users:(("postgres",pid=811,fd=6))
LISTEN 0      244            [::1]:5432          [::]:*    users:(("postgres",pid=811,fd=5))
LISTEN 0      80         127.0.0.1:3307       0.0.0.0:*    users:(("mariadbd",pid=902,fd=22))
LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=700,fd=3))
LISTEN 0      511        127.0.0.1:6379       0.0.0.0:*
LISTEN 0      511                *:2379             *:*    users:(("haproxy",pid=1,fd=3))
"""


def test_by_program_and_where_that_is_not_told_by_port() -> None:
    assert listening_in(ANSWER) == (
        Listening(server="MariaDB", where="127.0.0.1:3307"),
        Listening(server="PostgreSQL", where="127.0.0.1:5432"),
        Listening(server="Redis", where="127.0.0.1:6379"),
    )


@given(st.text())
def test_any_answer_can_be_read(text: str) -> None:
    listening_in(text)
    listening_in(f"LISTEN 0 0 {text}")
