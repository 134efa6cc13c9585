"""The state database: what it is told, it knows after any end."""

import multiprocessing
import os
import signal
import sqlite3
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.generations.names import Standing
from engine.plan.model import Feed, Location
from engine.reach.targets import Landing
from engine.records.reports import RunStatus
from engine.schedule.pauses import Pause
from engine.system.host.places import Places
from engine.system.state.renames import follow_renames
from engine.system.state.state import (
    LastSeen,
    RunRecord,
    State,
    StateUnusable,
    Stream,
    items_below,
    open_state,
    stream_of,
)
from tests.integration.lab import HOSTILE
from tests.strategies import compiled, manifest

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
DATA = Stream(leg="nightly", source="data", place="disk:/copies")
PAUSE = Pause(leg="nightly", until=NOW + timedelta(days=3), since=NOW)
SEEN = LastSeen(rules="r", entries=10, file_system="uuid:a", mounts=(b"/srv/\xff",))


def record(run_id: str, days: int = 0, status: RunStatus | None = RunStatus.OK) -> RunRecord:
    started = NOW + timedelta(days=days)
    return RunRecord(
        run_id=run_id,
        leg="nightly",
        started=started,
        ended=started + timedelta(minutes=5) if status else None,
        status=status,
        reason="because",
        bytes_sent=2**40,
        files=3,
        deletions=4,
        entries=5,
        due=started,
    )


def test_what_is_mounted_below_the_copies_is_told_from_what_is_not_known(tmp_path: Path) -> None:
    mounted = Landing(path=b"a/\xff\n", file_system="uuid:b")
    with open_state(tmp_path / "s.db") as state:
        for landing in (None, (), (mounted,)):
            seen = replace(SEEN, landing=landing)
            state.record_pass(DATA, "r", (), seen)
            assert state.last_seen(DATA) == seen


def test_runs_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "state/state.db"
    with open_state(path) as state:
        state.begin(record("1"))
    with open_state(path) as state:
        assert state.history("nightly") == (record("1"),)
        assert state.history("other") == ()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_written_through(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with open_state(path) as state:
        connection = state._connection
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_law_06_last_success_is_the_last_success(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        assert state.last_success("nightly") is None
        state.finish(record("1", 0))
        state.finish(record("2", 1, RunStatus.NOTED))
        for day, status in enumerate(RunStatus):
            if not status.succeeded:
                state.finish(record(status.value, 2 + day, status))
        success = state.last_success("nightly")
        assert success is not None
        assert success.run_id == "2"
        last = state.last_run("nightly")
        assert last is not None
        assert last.status is RunStatus.FAILED


def test_a_lock_refusal_is_told_and_is_not_the_last_run(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.finish(record("1", 0))
        state.finish(record("2", 1, RunStatus.LOCKED))
        last = state.last_run("nightly")
        assert last is not None
        assert last.run_id == "1"
        assert [one.run_id for one in state.history("nightly")] == ["2", "1"]


def test_a_run_that_never_told_is_closed_by_the_next(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.begin(record("1", 0, None))
        state.begin(replace(record("other", 0, None), leg="other"))
        assert state.end_killed("nightly", NOW) == ("1",)
        assert state.end_killed("nightly", NOW) == ()
        (killed,) = state.history("nightly")
        assert killed.status is RunStatus.INTERRUPTED
        assert killed.ended == NOW
        assert state.history("other")[0].status is None


def test_what_a_leg_owns_is_kept_by_leg_source_and_place(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        state.claim(DATA, "1", HOSTILE)
        state.claim(DATA, "2", HOSTILE[:2])
        assert state.owned(DATA) == frozenset(HOSTILE)
        assert state.owned(DATA._replace(place="disk:/other")) == frozenset()
        assert state.owned(DATA._replace(source="other")) == frozenset()
        assert state.last_seen(DATA) is None
        state.record_pass(DATA, "2", HOSTILE[1:], SEEN)
        assert state.owned(DATA) == frozenset(HOSTILE[1:])
        assert state.last_seen(DATA) == SEEN
        state.record_pass(DATA, "3", (), replace(SEEN, entries=None, mounts=()))
        assert state.owned(DATA) == frozenset()
        assert state.last_seen(DATA) == replace(SEEN, entries=None, mounts=())


def test_law_01_what_changed_hands_is_known_until_a_pass_has_succeeded(tmp_path: Path) -> None:
    seen = replace(SEEN, tree=b"/srv/data")
    with open_state(tmp_path / "state.db") as state:
        state.hand_over(DATA)
        assert state.last_seen(DATA) is None
        state.record_pass(DATA, "1", [b"a"], seen)
        assert state.last_seen(DATA) == seen
        state.hand_over(DATA._replace(place="disk:/else"))
        assert state.last_seen(DATA) == seen
        state.hand_over(DATA)
        assert state.last_seen(DATA) == replace(seen, tree=b""), "the figures of law 11 stay"
        state.record_pass(DATA, "2", [b"a"], seen)
        assert state.last_seen(DATA) == seen


def test_law_01_only_what_was_adopted_as_a_whole_was_shown(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        assert not state.is_adopted(DATA), "nothing was"
        state.claim(DATA, "adopted-20261122T020000Z", [b"a", b"b"])
        assert state.is_adopted(DATA)
        state.claim(DATA, "20261122T020000Z-0123ab", [b"c"])
        assert not state.is_adopted(DATA)


def test_destinations_have_one_identity(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        assert state.destination_identity("disk") is None
        state.record_destination("disk", "uuid:a", NOW)
        state.record_destination("disk", "uuid:b", NOW)
        assert state.destination_identity("disk") == "uuid:b"


def test_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StateUnusable, match=r"another version \(999\)"), open_state(path):
        pass


@pytest.mark.parametrize("damage", ["directory", "junk"])
def test_what_cannot_be_opened_says_so(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.db"
    if damage == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"no database at all " * 100)
    with pytest.raises(StateUnusable, match="cannot be opened"), open_state(path):
        pass


def _write_many(path: Path, number: int) -> None:
    for count in range(10):
        with open_state(path) as state:
            state.finish(record(f"{number}-{count}"))


def test_many_processes_may_begin_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    path = tmp_path / "state.db"
    children = [context.Process(target=_write_many, args=(path, number)) for number in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 6
    with open_state(path) as state:
        assert len(state.history("nightly", most=100)) == 60


def test_what_was_told_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        with open_state(path) as state:
            state.begin(record("1", 0, None))
            os.write(writer, b"1")
            time.sleep(60)
        os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    with open_state(path) as state:
        assert state.history("nightly")[0].run_id == "1"


# ── What apply forgets ───────────────────────────────────────────────────────────────────────

VOLUMES = compiled(
    manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
            "nas": {"path": "/mnt/nas", "media": "nas", "site": "home"},
        },
        sources={
            "pool": {"kind": "lvm-thin", "vg": "pve", "pool": "data", "volumes": "*"},
            "data": {"kind": "tree", "path": "/srv/data"},
        },
        legs={
            "snaps": {"kind": "snapshot", "keep": {"last": 2}},
            "files": {"kind": "versions", "from": "snaps", "to": "disk:/vol", "keep": {"last": 2}},
            "bases": {"kind": "sqlite", "from": "snaps", "to": "nas:/", "keep": {"last": 2}},
            "hist": {"kind": "versions", "to": "disk:/hist", "keep": {"last": 2}},
        },
        routes={"/srv/data": "hist", "pool:": "snaps"},
    )
)[0].plan
GENERATION = b"2026-11-22T02-00-00Z"


def of_item(state: State, leg_name: str, *names: bytes) -> Stream:
    """An item's stream, as a run of its leg knows it."""
    leg = VOLUMES.leg(leg_name)
    assert leg is not None
    (feed,) = leg.feeds
    assert feed.writes is not None
    place = Location(holder=feed.writes.holder, names=feed.writes.names + names)
    own = Feed(reads=b"/".join(names).decode(), writes=place, selection=None)
    return stream_of(VOLUMES, leg, own, state)


def made(state: State, stream: Stream) -> None:
    """What a run leaves in the state once it has completed a generation."""
    state.claim(stream, "r", [GENERATION])
    state.generations.note(stream, GENERATION, Standing.VERIFIED)
    state.record_pass(stream, "r", [GENERATION], SEEN)


def standings(state: State, stream: Stream) -> list[Standing]:
    return [one.standing for one in state.generations.among(stream, [GENERATION])]


def is_known(state: State, stream: Stream) -> set[bool]:
    """Whether all is known of it; one value where the tables agree."""
    return {
        bool(state.owned(stream)),
        state.last_seen(stream) is not None,
        Standing.VERIFIED in standings(state, stream),
    }


ITEMS = ((b"web",), (b"apps", b"web"), (b"a at b", b"c at :/mnt/disk on None"), (b" at ", b"x:y"))


@pytest.mark.parametrize("leg", ["files", "bases"])
@pytest.mark.parametrize("names", ITEMS, ids=lambda names: b"/".join(names).decode())
def test_another_apply_forgets_no_items_generations(
    tmp_path: Path, leg: str, names: tuple[bytes, ...]
) -> None:
    """Nobody but their runs knows which items there are."""
    places = Places(root=tmp_path)
    with open_state(places.state_file) as state:
        for destination in ("disk", "nas"):
            state.record_destination(destination, f"uuid:{destination}", NOW)
        stream = of_item(state, leg, *names)
        made(state, stream)
    for _ in range(2):
        follow_renames(VOLUMES, places)
    with open_state(places.state_file) as state:
        assert is_known(state, stream) == {True}


def test_law_01_what_is_not_the_legs_any_more_is_forgotten(tmp_path: Path) -> None:
    places = Places(root=tmp_path)
    with open_state(places.state_file) as state:
        state.record_destination("disk", "uuid:disk", NOW)
        mine = of_item(state, "files", b"web")
        beside = mine._replace(place=mine.place.replace("disk:/vol/", "disk:/volumes/"))
        above = mine._replace(place=mine.place.replace("disk:/vol/web", "disk:/"))
        old_disk = mine._replace(place=mine.place.replace("uuid:disk", "uuid:old"))
        others = mine._replace(leg="gone")
        of_a_tree = mine._replace(leg="hist")
        left = (beside, above, old_disk, others, of_a_tree)
        for one in (mine, *left):
            made(state, one)
    follow_renames(VOLUMES, places)
    with open_state(places.state_file) as state:
        assert is_known(state, mine) == {True}
        assert [is_known(state, one) for one in left] == [{False}] * len(left)
        for one in left:  # nor does it come back where the same name is made anew
            state.claim(one, "r2", [GENERATION])
            assert standings(state, one) == [Standing.COMPLETE]


def test_the_place_of_the_leg_itself_is_no_items(tmp_path: Path) -> None:
    leg = VOLUMES.leg("files")
    assert leg is not None
    with open_state(tmp_path / "state.db") as state:
        below = items_below(VOLUMES, leg, leg.feeds[0], state)
        whole = stream_of(VOLUMES, leg, leg.feeds[0], state)
        assert not below.holds(whole)
        assert not below.holds(whole._replace(place=below.head + below.tail))
        assert below.holds(of_item(state, "files", b"w"))


def test_items_generations_follow_the_name_of_their_leg(tmp_path: Path) -> None:
    with open_state(tmp_path / "state.db") as state:
        old = of_item(state, "files", b"web")
        made(state, old)
        assert state.rename_leg("files", "copies")
        assert is_known(state, old) == {False}
        assert is_known(state, old._replace(leg="copies")) == {True}


# ── Older versions ───────────────────────────────────────────────────────────────────────────

_NEW_IN_4 = ("room_day", "measured", "volume", "known_entry", "orphan", "tombstone")
_NEW_IN_7 = ("acceptance", "generation_room", "name_folding", "verification", "differing")
_NEW_IN_8 = ("begun", "left_plan")
_NEW_IN_9 = ("drill", "drill_expected", "drill_fault")
_NEW_IN_10 = ("look", "check_expected")
_BEFORE_10 = tuple(f"DROP TABLE {name}" for name in _NEW_IN_10)
_TO_9 = (*_BEFORE_10, "PRAGMA user_version = 9")
_BEFORE_9 = (*_BEFORE_10, *(f"DROP TABLE {name}" for name in _NEW_IN_9))
_TO_8 = (*_BEFORE_9, "PRAGMA user_version = 8")
_BEFORE_8 = (*_BEFORE_9, *(f"DROP TABLE {name}" for name in _NEW_IN_8))
_TO_7 = (*_BEFORE_8, "PRAGMA user_version = 7")
_BEFORE_7 = (*_BEFORE_8, *(f"DROP TABLE {name}" for name in _NEW_IN_7))
_TO_6 = (*_BEFORE_7, "PRAGMA user_version = 6")
_BEFORE_6 = (*_BEFORE_7, "DROP TABLE rollback", "ALTER TABLE last_seen DROP COLUMN tree")
_TO_5 = (
    *_BEFORE_6,
    *("ALTER TABLE arrival DROP COLUMN form", "PRAGMA user_version = 5"),
)
_BEFORE_5 = (*_BEFORE_6, "DROP TABLE arrival", "DROP TABLE generation")
_TO_4 = (
    *_BEFORE_5,
    "ALTER TABLE orphan DROP COLUMN form",
    *("ALTER TABLE tombstone DROP COLUMN renamed", "PRAGMA user_version = 4"),
)
_BEFORE_4 = (
    *_BEFORE_5,
    *(f"DROP TABLE {name}" for name in _NEW_IN_4),
    "ALTER TABLE last_seen DROP COLUMN size",
)
_TO_3 = (*_BEFORE_4, "PRAGMA user_version = 3")
_TO_2 = (*_BEFORE_4, "DROP TABLE pause", "PRAGMA user_version = 2")
_TO_1 = (
    *_BEFORE_4,
    *("DROP TABLE pause", "DROP TABLE item", "DROP TABLE room"),
    *("ALTER TABLE run DROP COLUMN data_as_of", "ALTER TABLE run DROP COLUMN told"),
    *("ALTER TABLE last_seen DROP COLUMN full_began", "PRAGMA user_version = 1"),
)


@pytest.mark.parametrize(
    "steps",
    [_TO_9, _TO_8, _TO_7, _TO_6, _TO_5, _TO_4, _TO_3, _TO_2, _TO_1],
    ids=lambda steps: steps[-1][-1],
)
def test_what_an_earlier_version_wrote_is_brought_up_to_this_one(
    tmp_path: Path, steps: tuple[str, ...]
) -> None:
    path = tmp_path / "state.db"
    with open_state(tmp_path / "new.db") as state:
        wanted = tables(state)
    with open_state(path) as state:
        state.finish(record("1"))
        state.record_pass(DATA, "1", HOSTILE, SEEN)
        state.record_destination("disk", "uuid:a", NOW)
        for step in steps:
            state._connection.execute(step)
        state._connection.commit()
    with open_state(path) as state:
        assert tables(state) == wanted
        assert state.history("nightly") == (record("1"),)
        assert state.owned(DATA) == frozenset(HOSTILE)
        assert state.last_seen(DATA) == (SEEN if steps != _TO_1 else replace(SEEN, full_began=None))
        assert state.destination_identity("disk") == "uuid:a"
        assert state.pauses.of("nightly", NOW) is None
        state.pauses.begin(PAUSE)
    with open_state(path) as state:
        assert tables(state) == wanted
        assert state.pauses.of("nightly", NOW) == PAUSE


def tables(state: State) -> dict[str, list[tuple[object, ...]]]:
    """Every table with its columns: name, type, whether it must be there, default, key."""
    names = state._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {
        name: sorted(
            row[1:]
            for row in state._connection.execute(f"SELECT * FROM pragma_table_info('{name}')")
        )
        for (name,) in names.fetchall()
    }


def test_a_renamed_source_is_the_file_system_that_it_was(tmp_path: Path) -> None:
    """Of a source that holds its snapshots; else another disk would be taken for it at `apply`."""
    with open_state(tmp_path / "state.db") as state:
        state.record_destination("data", "uuid:a", NOW)
        assert state.rename_source("data", "media")
        assert state.destination_identity("media") == "uuid:a"
        assert state.destination_identity("data") is None
