"""Reading what `lvs` says; that it does say so is tried in tests/lab/test_thin.py."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items.thin_names import LvName
from engine.items.thin_pool import (
    Health,
    Member,
    OpenClone,
    Stray,
    StrayReason,
    ThinSnapshot,
    ThinVolume,
    read_member,
    read_pool,
    volume_of,
)
from engine.plan.typed_json import Unreadable
from policy.values import Percentage
from tests.reports import POOL, UUID, Lv, report

NAME = LvName(group="pve", volume="data")
SNAP = "web.policyctl.2026-11-28T03-00-00Z"
CLONE = "policyctl-open.0123456789abcdef"
OURS = Lv(name=SNAP, origin="web", tags="policyctl/nightly", attributes="Vri---tz-k", used="")
WEB = Lv(name="web")


def test_a_pool_and_what_is_in_it() -> None:
    clone = Lv(name=CLONE, origin=SNAP, tags="policyctl-open/files", attributes="Vwi-a-tz-k")
    lines = [POOL, WEB, OURS, clone, Lv(name="root", pool="", attributes="-wi-ao----", used="")]
    found = read_pool(report(*lines).encode(), NAME)
    assert found.pool.data_used == Percentage(42_100)
    assert found.pool.metadata_used == Percentage(10_740)
    assert (found.pool.size, found.pool.health) == (2**30, Health.GOOD)
    assert [one.name.volume for one in found.volumes] == ["web"]
    (snapshot,) = found.snapshots
    assert (snapshot.of, snapshot.leg) == ("web", "nightly")
    assert snapshot.moment == datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert (snapshot.volume.active, snapshot.volume.uuid) == (False, UUID)
    assert [(one.leg, one.volume.active) for one in found.clones] == [("files", True)]
    assert found.strays == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (replace(OURS, origin=""), StrayReason.ORIGIN_GONE),
        (replace(OURS, origin="other"), StrayReason.OTHER_ORIGIN),
        (replace(OURS, tags=""), StrayReason.NO_TAG),
        (replace(OURS, tags="policyctl"), StrayReason.NO_TAG),
        (replace(OURS, tags="policyctl/"), StrayReason.NO_TAG),
        (replace(OURS, tags="policyctl/a,policyctl/b"), StrayReason.NO_TAG),
        (replace(OURS, tags="policyctl-open/a"), StrayReason.NO_TAG),
        (Lv(name=CLONE, origin=SNAP), StrayReason.NO_TAG),
        (Lv(name=CLONE, origin=SNAP, tags="policyctl/nightly"), StrayReason.NO_TAG),
    ],
)
def test_law_01_what_is_not_surely_ours_is_a_stray(line: Lv, why: StrayReason) -> None:
    found = read_pool(report(POOL, line).encode(), NAME)
    assert [one.why for one in found.strays] == [why]
    assert (found.volumes, found.snapshots, found.clones) == ((), (), ())


@pytest.mark.parametrize(
    "line",
    [
        Lv(name="web_snap_20261128_0300", origin="web"),
        Lv(name="web.policyctl.undo", origin="web", tags="policyctl/nightly"),
        Lv(name="policyctl-open.mine", tags="policyctl-open/files"),
        Lv(name="web", tags="policyctl/nightly", origin="web_undo"),  # a snapshot that was restored
    ],
)
def test_any_other_name_is_a_volume_whatever_its_tags(line: Lv) -> None:
    found = read_pool(report(POOL, line).encode(), NAME)
    assert [one.name.volume for one in found.volumes] == [line.name]
    assert found.volumes[0].origin == line.origin


@pytest.mark.parametrize(
    ("attributes", "active", "suspended", "skipped"),
    [
        ("Vwi-aotz--", True, False, False),
        ("Vri---tz-k", False, False, True),
        ("Vwi-a-tz-k", True, False, True),
        ("Vwi-sotz--", True, True, False),
        ("Vwi-XXtzX-", False, False, False),
    ],
)
def test_states_are_read_from_the_attributes(
    attributes: str, active: bool, suspended: bool, skipped: bool
) -> None:
    found = read_member(report(replace(WEB, attributes=attributes)).encode(), volume_name("web"))
    assert isinstance(found, ThinVolume)
    assert (found.active, found.suspended, found.skipped) == (active, suspended, skipped)


def volume_name(volume: str) -> LvName:
    return LvName(group="pve", volume=volume)


def test_one_volume_or_none() -> None:
    data = report(OURS).encode()
    assert isinstance(read_member(data, volume_name(SNAP)), ThinSnapshot)
    assert read_member(data, volume_name("web")) is None
    assert read_member(report().encode(), volume_name("web")) is None


@pytest.mark.parametrize(
    ("attributes", "health", "check"),
    [
        ("twi-aotz--", Health.GOOD, False),
        ("twi-aotzD-", Health.OUT_OF_DATA, False),
        ("twi-aotzM-", Health.METADATA_READ_ONLY, False),
        ("twi-aotzF-", Health.FAILED, False),
        ("twi-XXtzX-", Health.UNKNOWN, False),
        ("twi-aotzp-", Health.UNKNOWN, False),
        ("twi-cotz--", Health.GOOD, True),
    ],
)
def test_what_a_pool_says_of_itself(attributes: str, health: Health, check: bool) -> None:
    found = read_pool(report(replace(POOL, attributes=attributes)).encode(), NAME).pool
    assert (found.health, found.needs_check) == (health, check)


def test_a_pool_that_is_not_active_says_nothing_of_its_room() -> None:
    line = replace(POOL, attributes="twi---tz--", used="", metadata="")
    found = read_pool(report(line).encode(), NAME).pool
    assert (found.data_used, found.metadata_used) == (None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"report": {}}',
        b'{"report": [{}]}',
        b'{"report": [{"lv": [7]}]}',
        b'{"report": [{"lv": [{"lv_name": "data"}]}]}',
        b"\xff",
        report().encode(),
        report(WEB).encode(),
        report(replace(POOL, name="other")).encode(),
        report(replace(POOL, group="other")).encode(),
        report(replace(POOL, attributes="Vwi-a-tz--")).encode(),
        report(replace(POOL, attributes="twi")).encode(),
        report(replace(POOL, used="lots")).encode(),
        report(replace(POOL, used="101.00")).encode(),
        report(POOL, replace(WEB, size="1.00g")).encode(),
        report(POOL, replace(WEB, uuid="")).encode(),
    ],
)
def test_law_33_what_is_no_whole_report_is_never_an_empty_pool(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_pool(data, NAME)


def test_more_fields_and_fewer_do_no_harm() -> None:
    """`report/compact_output` leaves empty ones out, and a log may stand beside the volumes."""
    lines = [{key: text for key, text in one.fields.items() if text} for one in (POOL, WEB, OURS)]
    for line in lines:
        line["lv_time"] = "2026-11-28 03:00:00 +0000"
    document = {"report": [{"lv": lines}], "log": [{"log_seq_num": "1"}]}
    assert read_pool(json.dumps(document).encode(), NAME) == read_pool(
        report(POOL, WEB, OURS).encode(), NAME
    )


names = st.sampled_from(["web", "db", SNAP, "db.policyctl.2026-11-28T03-00-00Z", CLONE, "x"])
lines = st.builds(
    Lv,
    name=names,
    origin=st.sampled_from(["", "web", "db", SNAP]),
    pool=st.sampled_from(["data", "other", ""]),
    tags=st.sampled_from(["", "policyctl/a", "policyctl-open/a", "policyctl/a,policyctl/b", "z"]),
)


@given(st.lists(lines, max_size=6, unique_by=lambda one: one.name))
def test_each_volume_of_a_pool_is_one_thing(found: list[Lv]) -> None:
    """And a snapshot of ours has all three: our name, our tag, and its volume as origin."""
    content = read_pool(report(POOL, *found).encode(), NAME)
    parts: list[Member] = [*content.volumes, *content.snapshots]
    parts += [*content.clones, *content.strays]
    inside = sorted(one.name for one in found if one.pool == "data")
    assert sorted(volume_of(one).name.volume for one in parts) == inside
    for one in content.snapshots:
        assert one.volume.name.volume.startswith(f"{one.of}.policyctl.")
        assert one.volume.origin == one.of
        assert f"policyctl/{one.leg}" in one.volume.tags


def test_kinds_of_members() -> None:
    clone = Lv(name=CLONE, tags="policyctl-open/a", origin=SNAP)
    kinds = {
        type(read_member(report(one).encode(), volume_name(one.name))) for one in (OURS, clone)
    }
    assert kinds == {ThinSnapshot, OpenClone}
    stray = read_member(report(replace(OURS, tags="")).encode(), volume_name(SNAP))
    assert isinstance(stray, Stray)
