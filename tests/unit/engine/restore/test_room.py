"""Whether what is to come fits, and what is said of it."""

from engine.restore.room import Room, room_words

SOME = Room(folder=b"/var/tmp", free=1 << 20)


def test_what_fits_is_not_spoken_of() -> None:
    exactly = Room(folder=b"/var/tmp", free=1 << 20, size=1 << 20)
    assert not exactly.lacks
    assert not room_words(exactly)
    assert not SOME.lacks, "it was not counted, because it fits for certain"
    assert not room_words(SOME)


def test_what_does_not_is_told_with_both_numbers() -> None:
    room = Room(folder=b"/var/tmp", free=1 << 20, size=(1 << 20) + 1024)
    assert room.lacks
    assert room_words(room) == (
        "not enough: 1.0 MiB are to come, and 1.0 MiB are free on the file system of /var/tmp"
    )


def test_what_nobody_knows_is_said_and_keeps_nothing_back() -> None:
    room = Room(folder=b"/var/tmp", free=1 << 20, unknown="it took too long")
    assert not room.lacks
    assert room_words(room).startswith(
        "not known whether there is enough: it took too long; 1.0 MiB are free"
    )
