"""What a change does to data: figures worked out by hand for the reference lab."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.changes.changes import change_set
from engine.compile import compile_policy
from engine.moves.data_changes import DataChanges, Known, LegData, data_changes, sources_to_measure
from engine.moves.destination_data import Room
from engine.moves.held import cut
from engine.plan.model import Plan
from engine.records.measurement import Volume
from engine.routing.volumes import SourceVolumes
from policy.parse import load
from tests.strategies import REFERENCE

HOUR, DAY = 3600, 86_400
GIB = 1 << 30
THEN = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = REFERENCE.read_text()
IMMICH = next(line for line in TEXT.splitlines(keepends=True) if "/srv/nfs/immich:" in line)


def plan_of(*edits: tuple[str, str]) -> Plan:
    """The reference's plan, edited."""
    text = TEXT
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return compile_policy(load(text.encode(), "r")[1])


def data_of(
    applied: Plan | None,
    plan: Plan,
    by_line: dict[str, int] | None = None,
    rooms: dict[str, Room] | None = None,
) -> DataChanges:
    """What the change does, where lines of `nfs` and `nfs-ssd` have so many bytes."""
    volumes = {
        source: SourceVolumes(
            source=source,
            by_line={
                text: Volume(files=1, bytes=size)
                for text, size in (by_line or {}).items()
                if text.startswith(prefix + "/") or text == prefix
            },
            ignored=Volume(),
            unreadable=0,
        )
        for source, prefix in (("nfs", "/srv/nfs"), ("nfs-ssd", "/srv/nfs-ssd"))
    }
    routes = change_set(applied, None, plan, (), {}).routes
    return data_changes(
        cut(applied, plan), routes, Known(volumes=volumes, rooms=rooms or {}, rates={})
    )


def leg(data: DataChanges, name: str) -> LegData:
    found = data.leg(name)
    assert found is not None
    return found


def test_law_26_a_path_that_leaves_the_disk_has_other_copies_ages_and_places() -> None:
    data = data_of(plan_of((IMMICH, "")), plan_of(), {"/srv/nfs/immich": 1500 * GIB})
    (one,) = data.routes
    assert one.volume == Volume(files=1, bytes=1500 * GIB)
    assert [flow.place for flow in one.gained] == ["synology:/nfs/immich"]
    assert [flow.place for flow in one.left] == ["sda:/immich", "synology:/pve-backup/immich"]
    assert one.before is not None
    assert one.after is not None
    assert (one.before.copies, one.after.copies) == (3, 2)
    assert (one.before.media, one.after.media) == (3, 2)
    assert (one.before.offsite, one.after.offsite) == (1, 1)
    # As worked out in tests/unit/engine/promises/test_chains.py.
    assert (one.before.rpo, one.before.rpo_offsite) == (129_000, 129_000)
    assert (one.after.rpo, one.after.rpo_offsite) == (29 * HOUR, 29 * HOUR)
    assert (one.before.history, one.after.history) == (7 * DAY, 30 * DAY), (
        "as the NAS keeps its own"
    )


def test_a_removed_line_moves_what_it_decided_and_follows_every_hop() -> None:
    data = data_of(plan_of(), plan_of((IMMICH, "")), {"/srv/nfs/immich": 7 * GIB})
    arriving = {one.destination: one.arriving for one in data.destinations}
    assert arriving == {"sda": 7 * GIB, "synology": 7 * GIB}
    assert [one.left_behind for one in data.destinations] == [0, 7 * GIB]


def test_a_stop_takes_the_copy_behind_it_away() -> None:
    stop = 'stop: {after: sda-mirror, reason: "big"}'
    stopped = f'  /srv/nfs/iso: {{leg: sda-mirror, because: "big", {stop}}}\n'
    data = data_of(plan_of(), plan_of((IMMICH, IMMICH + stopped)), {"/srv/nfs/iso": GIB})
    (one,) = data.routes
    assert one.gained == ()
    assert [flow.place for flow in one.left] == ["synology:/pve-backup/iso"]
    assert {one.destination for one in data.destinations} == {"synology"}


def test_law_25_what_stays_behind_makes_no_room() -> None:
    rooms = {"synology": Room(free=100 * GIB, total=1000 * GIB, measured=THEN)}
    size = 50 * GIB
    data = data_of(plan_of((IMMICH, "")), plan_of(), {"/srv/nfs/immich": size}, rooms)
    there = data.destination("synology")
    assert there is not None
    assert (there.arriving, there.left_behind) == (size, size)
    assert (there.used_before, there.used_after, there.frees) == (0.9, 0.95, 0.05)
    assert there.over


def test_a_leg_that_writes_elsewhere_sends_everything_anew() -> None:
    edited = plan_of(('    to: "synology:/pve-backup"\n', '    to: "synology:/services"\n'))
    data = data_of(plan_of(), edited, {"/srv/nfs": 400 * GIB, "/srv/nfs/immich": 1500 * GIB})
    assert data.routes == ()
    found = leg(data, "offsite")
    sent = {flow.piece.text: flow.place for flow in found.gained}
    assert sent["/srv/nfs"] == "synology:/services"
    assert "/srv/nfs/immich" not in sent
    there = data.destination("synology")
    assert there is not None
    assert (there.arriving, there.left_behind) == (400 * GIB, 400 * GIB)
    assert "host:" in there.unmeasured


def test_a_leg_that_goes_takes_a_copy_of_paths_whose_lines_stay() -> None:
    start = TEXT.index("  offsite: ")
    end = TEXT.index("  lvm-snapshots:\n")
    text = TEXT[:start] + TEXT[end:]
    text = text.replace("{copies: 3, media: 2, offsite: 1, rpo: 40h}", "{copies: 1}")
    data = data_of(plan_of(), compile_policy(load(text.encode(), "r")[1]), {"/srv/nfs": GIB})
    shifts = {one.text: (one.before, one.after) for one in leg(data, "offsite").shifts}
    assert shifts["/srv/nfs"] == (3, 2)
    assert "/srv/nfs/immich" not in shifts


def test_a_schedule_changes_what_each_leg_behind_it_promises() -> None:
    weekly = plan_of(
        ('    schedule: "02:00"\n', '    schedule: "Sun 02:00"\n'),
        ("{copies: 3, media: 2, offsite: 1, rpo: 40h}", "{copies: 1}"),
    )
    data = data_of(weekly, plan_of())
    for name in ("sda-mirror", "offsite"):
        found = leg(data, name)
        assert found.before is not None
        assert found.after is not None
        assert found.before.rpo is not None
        assert found.before.rpo > 7 * DAY
        assert (found.gained, found.left) == ((), ())
    assert leg(data, "sda-mirror").after is not None
    assert data.leg("synology-direct") is None
    assert data.destinations == ()


@pytest.mark.parametrize(
    ("old", "new", "spans"),
    [
        # Two runs a day, and one night of the year is an hour longer: then the oldest that is
        # still within is younger by half a day.
        (
            "keep: {within: 7d}\n    min_free",
            "keep: {within: 3d}\n    min_free",
            (7 * DAY - 12 * HOUR, 3 * DAY - 12 * HOUR),
        ),
    ],
)
def test_law_16_retention_is_shown_as_the_time_that_it_covers(
    old: str, new: str, spans: tuple[int, int]
) -> None:
    found = leg(data_of(plan_of(), plan_of((old, new))), "lvm-snapshots")
    assert found.before is not None
    assert found.after is not None
    assert (found.before.history, found.after.history) == spans


def test_law_16_four_generations_of_a_job_that_goes_daily_cover_days_and_no_weeks() -> None:
    keep = '    files: {full.tar.gz: [tar, czf, "-", /cf, /var/db, /boot/loader.conf]}\n'
    four = keep + '    schedule: "Sun 05:00"\n    keep: {last: 4}\n'
    old = keep + '    schedule: "Sun 05:00"\n    keep: {weekly: 4}\n'
    weekly = plan_of((old, four))
    daily = plan_of((old, four.replace("Sun 05:00", "05:00")))
    found = leg(data_of(weekly, daily), "firewall-system")
    assert found.before is not None
    assert found.after is not None
    assert found.before.history == 3 * 7 * DAY - HOUR  # with the shortest week, in spring
    assert found.after.history == 3 * DAY - HOUR
    assert found.before.generations == found.after.generations == (4, 4)


def test_a_rename_moves_nothing() -> None:
    text = TEXT.replace("synology-direct", "straight").replace(
        "  straight: ", "  straight:\n    was: synology-direct  # "
    )
    data = data_of(plan_of(), compile_policy(load(text.encode(), "r")[1]))
    assert (data.routes, data.destinations, data.legs) == ((), (), ())


def test_a_first_apply_brings_everything() -> None:
    data = data_of(None, plan_of(), {"/srv/nfs": 400 * GIB, "/srv/nfs/immich": 1500 * GIB})
    arriving = {one.destination: one.arriving for one in data.destinations}
    assert arriving == {"sda": 400 * GIB, "synology": 1900 * GIB}
    assert data.legs == ()


def test_only_sources_whose_data_move_are_measured() -> None:
    routes = change_set(plan_of((IMMICH, "")), None, plan_of(), (), {}).routes
    assert sources_to_measure(cut(plan_of((IMMICH, "")), plan_of()), routes) == ("nfs",)
    assert sources_to_measure(cut(plan_of(), plan_of()), ()) == ()
