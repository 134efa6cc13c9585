"""Which versions a comparison speaks against."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.generations.names import name_of
from engine.plan.model import Location
from engine.promises.chains import Copy
from engine.restore.choice import doubt_words
from engine.restore.doubts import Folder, doubted
from engine.restore.versions import Doubt, Kind, Version, Whole
from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified

THEN = datetime(2026, 11, 28, 12, tzinfo=UTC)
NAMES = [name_of(THEN + timedelta(days=day)) for day in (-2, -1, 1)]


def folder(*paths: bytes, difference: Difference = Difference.DAMAGED) -> Folder:
    found = tuple(Found(path=path, difference=difference) for path in paths)
    ended = THEN + timedelta(hours=1)
    verified = Verified(leg="m", reads="data", began=THEN, ended=ended, seed=None, found=found)
    return Folder(names=(b"copies",), compared=verified)


def version(*names: bytes, kind: Kind = Kind.NEWEST, name: bytes = b"") -> Version:
    location = Location(holder="disk", names=(b"copies", *names))
    copy = Copy(location=location, leg="m", via=("m",), media=None, site=None, rpo=None)
    return Version(
        copy=copy, location=location, kind=kind, name=name, moment=THEN, whole=Whole.COMPLETE
    )


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ((b"a", b"file"), b"a/file"),
        ((b"a",), b"a/file"),
        ((), b"a/file"),
        ((b"a", b"file", b"x"), b"a/file"),
        ((b"a", b"other"), None),
        ((b"b",), None),
    ],
)
def test_a_path_is_doubted_by_what_it_is_and_what_it_holds(
    asked: tuple[bytes, ...], path: bytes | None
) -> None:
    (found,) = doubted([version(*asked)], folder(b"c/z", b"a/file") if path else folder(b"a/file"))
    expected = Doubt(path=path, at=THEN + timedelta(hours=1)) if path else None
    assert found.doubt == expected


def test_only_other_content_of_the_same_size_and_time_is_a_doubt() -> None:
    """What has another size or time is newer or older: the next run sees that."""
    (found,) = doubted([version(b"a")], folder(b"a", difference=Difference.DIFFERENT))
    assert found.doubt is None


def test_a_dump_that_is_not_what_its_record_says_is_proven_wrong() -> None:
    (found,) = doubted([version(b"a")], folder(b"a", difference=Difference.CORRUPT))
    assert found.doubt is not None
    assert found.doubt.proven
    assert "damaged here" in doubt_words(found.doubt, ZoneInfo("UTC"))
    (other,) = doubted([version(b"a")], folder(b"a"))
    assert other.doubt is not None
    assert "or what it was made of was" in doubt_words(other.doubt, ZoneInfo("UTC"))


def test_of_generations_the_one_that_was_the_newest_then() -> None:
    made = [version(name, b"a", kind=Kind.GENERATION, name=name) for name in NAMES]
    found = doubted(made, folder(b"a"))
    assert [one.doubt is not None for one in found] == [False, True, False]


def test_what_was_set_aside_and_what_lies_elsewhere_was_not_compared() -> None:
    aside = version(b".policyctl-deleted", b"run", b"a", kind=Kind.SET_ASIDE, name=b"run")
    place = Location(holder="disk", names=(b"other", b"a"))
    found = doubted([aside, replace(version(b"a"), location=place)], folder(b"a"))
    assert [one.doubt for one in found] == [None, None]
