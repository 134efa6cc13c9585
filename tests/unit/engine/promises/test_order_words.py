"""The restore order in words."""

from __future__ import annotations

from engine.promises.order_words import turn_words, wait_words
from engine.promises.restore_order import Turn, Wait
from policy.needs import FileNeed, SecretNeed, SourceNeed
from policy.values import parse_absolute_path


def turn(*places: str, parts: tuple[str, ...] = ()) -> Turn:
    return Turn(name="a", is_destination=False, waits=(), places=places, parts=parts)


def test_a_turn() -> None:
    assert turn_words(Turn(name="a", is_destination=True, waits=())) == "open it"
    assert turn_words(turn("x", "y")) == "restore it from x or y"
    assert turn_words(turn("x", parts=("y",))) == "restore it from x; parts of it from y"
    assert turn_words(turn(parts=("x", "y"))) == "restore it from x and y: each has a part of it"
    assert turn_words(turn()) == "nothing has a copy of it: it is set up anew"


def test_a_wait() -> None:
    file = FileNeed(path=parse_absolute_path("/etc/a key"), kept="in the safe")
    assert wait_words(Wait(need=SourceNeed(source="b"), by="b")) == "after b"
    assert wait_words(Wait(need=file, by=None)) == "with /etc/a key (kept: in the safe)"
    assert wait_words(Wait(need=file, by="b")) == "with /etc/a key (out of b; kept: in the safe)"
    assert wait_words(Wait(need=file, by="b", alone=True)) == (
        "with /etc/a key (out of b, by itself: `policyctl restore '/etc/a key'`; kept: in the safe)"
    )
    secret = SecretNeed(secret="its\npassword")
    assert (
        wait_words(Wait(need=secret, by=None)) == r"with its\npassword (nothing says where it is)"
    )
