"""Names of volumes: what LVM takes is tried on a real one in tests/lab/test_thin.py."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items.thin_names import (
    Line,
    LvName,
    NameRefused,
    aside_name,
    check_name,
    clone_name,
    is_clone_name,
    parse_aside_name,
    parse_snapshot_name,
    snapshot_name,
)

MOMENT = datetime(2026, 11, 28, 3, tzinfo=UTC)
PVC = "vm-9999-pvc-01234567-89ab-cdef-0123-456789abcdef"
VOLUMES = st.from_regex(r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,40}", fullmatch=True)


def lv(volume: str, group: str = "pve") -> LvName:
    return LvName(group=group, volume=volume)


@given(
    VOLUMES,
    st.integers(946_684_800, 4_070_908_800).map(lambda one: datetime.fromtimestamp(one, UTC)),
)
def test_a_snapshots_name_says_its_volume_and_moment(volume: str, moment: datetime) -> None:
    """Whatever the volume is called, also where it has the form of a snapshot's name itself."""
    found = parse_snapshot_name(snapshot_name(volume, moment))
    assert found is not None
    assert (found.volume, found.moment) == (volume, moment)


@given(
    VOLUMES,
    st.sampled_from(Line),
    st.integers(946_684_800, 4_070_908_800).map(lambda one: datetime.fromtimestamp(one, UTC)),
)
def test_a_name_that_was_set_aside_says_whose_it_was(
    volume: str, line: Line, moment: datetime
) -> None:
    """No such name is a snapshot's or a clone's, and none of theirs is one."""
    name = aside_name(volume, line, moment)
    found = parse_aside_name(name)
    assert found is not None
    assert (found.volume, found.line, found.moment) == (volume, line, moment)
    assert parse_snapshot_name(name) is None
    assert not is_clone_name(name)
    assert parse_aside_name(snapshot_name(volume, moment)) is None
    assert parse_aside_name(clone_name(name, "files")) is None


@given(st.text(max_size=60))
def test_other_names_were_not_set_aside(name: str) -> None:
    found = parse_aside_name(name)
    assert found is None or aside_name(found.volume, found.line, found.moment) == name


def test_a_claims_volume_can_be_set_aside() -> None:
    for line in Line:
        check_name(lv(aside_name(PVC, line, MOMENT)))


def test_a_volumes_own_name_may_look_like_a_snapshots() -> None:
    once = snapshot_name("data", MOMENT)
    found = parse_snapshot_name(snapshot_name(once, MOMENT))
    assert found is not None
    assert found.volume == once


@given(st.text(max_size=60))
def test_other_names_say_nothing(name: str) -> None:
    found = parse_snapshot_name(name)
    assert found is None or snapshot_name(found.volume, found.moment) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "data",
        ".policyctl.2026-11-28T03-00-00Z",
        "data.policyctl.2026-11-31T03-00-00Z",
        "data.policyctl.2026-11-28T03:00:00Z",
        "data.policyctl.2026-11-28T03-00-00Z.old",
        "data_snap_20261128_0300",
    ],
)
def test_what_is_no_name_of_ours(name: str) -> None:
    assert parse_snapshot_name(name) is None


def test_two_legs_never_share_a_clone() -> None:
    names = {clone_name(one, leg) for one in ("a", "b") for leg in ("files", "sqlite")}
    assert len(names) == 4
    assert all(map(is_clone_name, names))
    assert not is_clone_name("policyctl-open.mine")
    assert clone_name("a", "files") == clone_name("a", "files")


def test_a_long_claim_is_still_short_enough() -> None:
    check_name(lv(snapshot_name(PVC, MOMENT)))
    check_name(lv(clone_name(snapshot_name(PVC, MOMENT), "pvc-files")))
    assert lv("a-b", "c-d").device_name == "c--d-a--b"
    assert lv("a-b").device == b"/dev/pve/a-b"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (lv("-a"), "is no name"),
        (lv("."), "is no name"),
        (lv(".."), "is no name"),
        (lv(""), "is no name"),
        (lv("a b"), "is no name"),
        (lv("a/b"), "is no name"),
        (lv("a@b"), "is no name"),
        (lv("a\n"), "is no name"),
        (lv("ä"), "is no name"),
        (lv("a", "-v"), "is no name"),
        (lv("snapshot1"), "for itself"),
        (lv("pvmove0"), "for itself"),
        (lv("x_tdata"), "for itself"),
        (lv("x_pmspare1"), "for itself"),
        (lv("a" * 122), "more than 124"),
        (lv("a-" * 50), "154 characters"),
    ],
)
def test_what_lvm_would_not_take_is_refused(name: LvName, why: str) -> None:
    with pytest.raises(NameRefused, match=why):
        check_name(name)


def test_the_longest_names() -> None:
    check_name(lv("a" * 121))
    check_name(lv("a-" * 41))
    with pytest.raises(NameRefused):
        check_name(lv("a-" * 42))
