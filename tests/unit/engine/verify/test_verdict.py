from datetime import UTC, datetime

from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified, counted, said

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)


def verified(**more) -> Verified:
    given = {"leg": "nightly", "reads": "data", "began": NOW, "ended": NOW, "seed": 1, **more}
    return Verified(**given)


def test_all_that_is_well_is_said_with_what_it_leaves_open() -> None:
    one = verified(compared=1_000, compared_bytes=2**20, files=800_000)
    assert one.sound
    assert said(one) == (
        "1,000 of 800,000 files, 1.0 MiB verified: all as they should be; so, in 95 of "
        "100 such samples, fewer than 0.30% of all files differ"
    )
    whole = verified(seed=None, compared=3, files=3)
    assert said(whole) == "3 of 3 files, 0 B verified: all as they should be"


def test_nothing_is_not_called_well() -> None:
    assert said(verified()) == "nothing could be compared"
    assert said(verified(changed=5)).endswith(
        "every file has changed since the run that made the copy"
    )


def test_what_is_not_well_is_counted_by_kind() -> None:
    found = (
        Found(path=b"a", difference=Difference.DAMAGED),
        Found(path=b"b", difference=Difference.MISSING),
        Found(path=b"c", difference=Difference.MISSING),
    )
    counts = counted(found, 4)
    one = verified(compared=10, files=10, found=found, counts=counts, unreadable=2)
    assert not one.sound
    assert one.differing == 7
    assert said(one).endswith("2 missing, 1 damaged, 4 different, 2 unreadable")


def test_what_was_not_compared_is_not_well() -> None:
    one = verified(refused="its disk is away")
    assert not one.sound
    assert said(one) == "not compared: its disk is away"
