"""Which snapshots of subvolumes are ours; with a real btrfs in tests/integration/test_btrfs.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.items.btrfs import SubvolumeInfo
from engine.items.subvolumes import (
    FileSystem,
    Stray,
    StrayReason,
    Subvolume,
    SubvolumeSnapshot,
    is_meant,
    room_problem,
    snapshot_name,
    whose,
)
from policy.sources import BtrfsSource
from policy.values import Percentage, parse_absolute_path

MOMENT = datetime(2026, 11, 28, 3, tzinfo=UTC)
NAME = b"2026-11-28T03-00-00Z.nightly"
PHOTOS = Subvolume(root=b"/srv/data", name=b"photos", file_system="fs", uuid="live", device=7)
INFO = SubvolumeInfo(number=258, uuid="own", parent="live", read_only=True)
THERE = {b"photos": PHOTOS}


def test_ours_is_what_lies_there_read_only_and_was_taken_of_that_very_subvolume() -> None:
    found = whose(b"photos", NAME, INFO, THERE)
    assert found == SubvolumeSnapshot(
        of=PHOTOS, number=258, uuid="own", moment=MOMENT, leg="nightly"
    )
    assert found.path == b"/srv/data/.policyctl-snapshots/photos/" + NAME
    assert found.text == PHOTOS.snapshot_text(MOMENT, "nightly")


@pytest.mark.parametrize(
    ("name", "info", "why"),
    [
        (NAME, None, StrayReason.NO_SNAPSHOT),
        (b"2026-11-28T03-00-00Z", INFO, StrayReason.NO_SNAPSHOT),
        (b"2026-11-28T03-00-00Z.", INFO, StrayReason.NO_SNAPSHOT),
        (b"2026-11-31T03-00-00Z.nightly", INFO, StrayReason.NO_SNAPSHOT),
        (b"2026-11-28T03-00-00Z.n\xffghtly", INFO, StrayReason.NO_SNAPSHOT),
        (b"mine", INFO, StrayReason.NO_SNAPSHOT),
        (NAME, replace(INFO, parent="other"), StrayReason.OTHER_SUBVOLUME),
        (NAME, replace(INFO, parent=""), StrayReason.OTHER_SUBVOLUME),
        (NAME, replace(INFO, read_only=False), StrayReason.WRITABLE),
    ],
)
def test_all_else_stays(name: bytes, info: SubvolumeInfo | None, why: StrayReason) -> None:
    assert whose(b"photos", name, info, THERE) == Stray(folder=b"photos", name=name, why=why)


def test_of_a_subvolume_that_is_gone_each_may_be_the_last_copy() -> None:
    found = whose(b"gone", NAME, INFO, THERE)
    assert isinstance(found, Stray)
    assert found.why is StrayReason.SUBVOLUME_GONE


@given(st.binary(max_size=60))
@example(NAME)
@example(b"2026-11-28T03-00-00Z.nightly.x")
def test_what_is_ours_has_the_name_that_we_give(name: bytes) -> None:
    found = whose(b"photos", name, INFO, THERE)
    if isinstance(found, SubvolumeSnapshot):
        assert found.name == name == snapshot_name(found.moment, found.leg)


def test_a_read_only_snapshot_is_somebody_elses_and_a_restored_one_is_live() -> None:
    assert replace(PHOTOS, read_only=True, parent="x").is_others_snapshot
    assert not replace(PHOTOS, parent="x").is_others_snapshot
    assert not replace(PHOTOS, read_only=True).is_others_snapshot


def test_items_are_what_the_pattern_names_and_nothing_of_the_engines() -> None:
    source = BtrfsSource(
        name="data",
        media=None,
        site=None,
        secret=False,
        path=parse_absolute_path("/srv/data"),
        subvolumes="*",
    )
    assert is_meant(source, b"bad\xff\n")
    assert not is_meant(source, b".policyctl-snapshots")
    assert not is_meant(replace(source, subvolumes="@*"), b"photos")


GOOD = FileSystem(
    path=b"/srv/data",
    uuid="fs",
    free=Percentage(20_000),
    metadata_free=Percentage(50_000),
    read_only=False,
)


@pytest.mark.parametrize(
    ("found", "min_free", "words"),
    [
        (GOOD, None, ""),
        (GOOD, Percentage(20_000), ""),
        (GOOD, Percentage(20_001), "has 20% of its space free: not 20.001%"),
        (replace(GOOD, metadata_free=Percentage(4_000)), Percentage(5_000), "of its metadata"),
        (replace(GOOD, metadata_free=None), Percentage(5_000), ""),
        (replace(GOOD, read_only=True), None, "can only be read"),
    ],
)
def test_room(found: FileSystem, min_free: Percentage | None, words: str) -> None:
    problem = room_problem(found, min_free)
    assert words in problem
    assert bool(problem) is bool(words)
