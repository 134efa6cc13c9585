"""`plan` and `apply` speak of data: what fits, what is refused, what is accepted."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.records.reports import RunStatus
from engine.system.state.reading import read_state
from engine.system.state.state import RoomRecord, RunRecord, open_state
from tests.e2e.test_cli import MANIFEST, Machine

GIB = 1 << 30
BIG = "  /srv/data/big: direct\n"
MORE = '  /srv/data/films: direct\n  "/srv/data/*/raw": {none: "made anew"}\n'
OBJECTIVES = "\nobjectives:\n  default: {copies: 2}\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Applied, with 60 GiB of films that are on no disk."""
    machine = Machine(tmp_path, MANIFEST + OBJECTIVES)
    machine.write("srv/data/films/one", "")
    os.truncate(machine.root / "srv/data/films/one", 60 * GIB)
    machine.write("srv/data/films/raw/two\n*", "")
    assert machine("apply").code == 0
    return machine


def room(machine: Machine, name: str, *, free: int | None, total: int | None = 100 * GIB) -> None:
    seen = datetime.now(UTC) - timedelta(hours=5, minutes=30)
    with open_state(machine.root / "var/lib/policyctl/state.db") as state:
        state.record_room(name, RoomRecord(free=free, total=total, measured=seen))


def destination(shown: Any, name: str) -> Any:
    (found,) = (one for one in shown["data"]["destinations"] if one["destination"] == name)
    return found


def test_law_25_a_change_that_overfills_a_destination_is_refused_until_it_is_accepted(
    machine: Machine,
) -> None:
    room(machine, "nas", free=65 * GIB)
    machine.edit(BIG, BIG + MORE)
    shown = machine("plan")
    assert "nas +60.0 GiB (would be 95 % used, of 90 % allowed: refused)" in shown.out
    assert shown.out.endswith("apply would refuse this\n")
    stored = machine.root / "var/lib/policyctl/plan.json"
    before = stored.read_bytes()
    refused = machine("apply")
    assert (refused.code, stored.read_bytes()) == (5, before)
    assert "nas would be 95 % used, of 90 % allowed: 60.0 GiB come" in refused.err
    assert f"`policyctl apply --accept nas --root {machine.root}`" in refused.err
    assert machine("apply", "--accept", "nas").code == 0
    assert machine("plan", "--exit-code").code == 0


def test_what_is_accepted_needs_to_be(machine: Machine) -> None:
    machine.edit(BIG, BIG + MORE)
    unknown = machine("apply", "--accept", "nsa")
    assert (unknown.code, "no destination 'nsa'; there are: disk, nas" in unknown.err) == (5, True)
    room(machine, "nas", free=90 * GIB)
    needless = machine("apply", "--accept", "nas")
    assert needless.code == 5
    assert "--accept: this change does not fill nas beyond its limit" in needless.err
    assert machine("apply").code == 0
    assert machine("apply", "--accept", "nas").code == 5


def test_where_the_room_is_not_known_it_is_said_and_nothing_is_refused(machine: Machine) -> None:
    machine.edit(BIG, BIG + MORE)
    shown = machine("plan")
    assert "nas: its room is not known, so nobody can say whether it fits" in shown.out
    assert destination(machine("plan", "--json").json, "nas")["used_after"] is None
    room(machine, "nas", free=None, total=None)  # as an account that runs rsync alone
    assert "nas: its room is not known" in machine("plan").out
    assert machine("apply").code == 0


def test_law_38_json_has_all_that_is_shown(machine: Machine) -> None:
    room(machine, "disk", free=10 * GIB)
    room(machine, "nas", free=90 * GIB)
    ended = datetime.now(UTC)
    with open_state(machine.root / "var/lib/policyctl/state.db") as state:
        state.finish(
            RunRecord(
                run_id="r",
                leg="direct",
                status=RunStatus.OK,
                started=ended - timedelta(seconds=100),
                ended=ended,
                bytes_sent=2 * GIB,
            )
        )
    machine.edit(BIG, BIG + MORE)
    shown = machine("plan", "--json").json
    films = next(one for one in shown["routes"] if one["route"] == "/srv/data/films")
    assert (films["bytes"], films["files"]) == (60 * GIB, 2)
    flow = {"route": "/srv/data/films", "bytes": 60 * GIB, "files": 2}
    gained = {"destination": "nas", "place": "nas:/data/films", "leg": "direct", **flow}
    assert films["gained"] == [gained]
    left = {"destination": "disk", "place": "disk:/films", "leg": "nightly", **flow}
    assert films["left"] == [left]
    assert [films["copies"][when]["offsite"] for when in ("before", "after")] == [0, 1]
    assert films["copies"]["after"]["rpo_seconds"] == 86_400 + 300
    nas = destination(shown, "nas")
    assert nas["arriving_bytes"] == 60 * GIB
    assert (nas["used"], nas["used_after"], nas["over"]) == (0.1, 0.7, False)
    assert nas["transfer_seconds"] == 3000
    assert destination(shown, "disk")["left_behind_bytes"] == 60 * GIB
    text = machine("plan").out
    assert "disk:/films (60.0 GiB, frees 60 % once gc has removed it)" in text
    assert "5 h ago" in text
    assert "about 50 m at 20.5 MiB/s" in text


def test_law_03_none_removes_nothing_and_says_where_copies_stay(machine: Machine) -> None:
    machine.edit(BIG, BIG + '  /srv/data/a: {none: "can be made again"}\n')
    shown = machine("plan").out
    assert "/srv/data/a  nightly → none  (3 B, 1 file)" in shown
    assert "left behind, protected: disk:/a (3 B)" in shown
    assert "copies 2 → 1" in shown


def test_law_04_what_new_patterns_hit_is_shown(machine: Machine) -> None:
    machine.edit(BIG, BIG + '  /srv/data/flims: {none: "a slip"}\n')
    machine.edit('  "*.swp":', '  "film*/": "big"\n  "*.bak": "old"\n  "*.swp":')
    shown = machine("plan")
    assert "route '/srv/data/flims' hits nothing: none of the" in shown.out
    assert "ignore '*.bak' hits nothing" in shown.out
    assert "ignore 'film*/' leaves out 100 % of the bytes" in shown.out
    found = machine("plan", "--json").json["data"]["patterns"]
    assert {(one["text"], one["surprise"]) for one in found} == {
        ("/srv/data/flims", "hits-nothing"),
        ("*.bak", "hits-nothing"),
        ("film*/", "takes-much"),
    }


def test_without_measuring_it_says_that_it_did_not(machine: Machine) -> None:
    room(machine, "nas", free=65 * GIB)
    machine.edit(BIG, BIG + MORE)
    shown = machine("plan", "--no-measure")
    assert "nas: what comes of /srv/data/films was not measured (--no-measure)" in shown.out
    assert "patterns" not in shown.out
    assert machine("plan", "--no-measure", "--json").json["refused"] == []


def test_another_disk_under_the_same_name_has_a_room_of_its_own(machine: Machine) -> None:
    room(machine, "nas", free=GIB)
    machine.edit(BIG, BIG + MORE)
    machine.edit("path: /volume1/copies", "path: /volume2/copies")
    found = destination(machine("plan", "--json").json, "nas")
    assert (found["free_bytes"], found["over"]) == (None, False)


def test_a_rollback_is_judged_as_well(machine: Machine) -> None:
    machine.edit(BIG, BIG + MORE)
    assert machine("apply").code == 0
    room(machine, "disk", free=50 * GIB)
    shown = machine("plan", "--rollback")
    assert "disk +60.0 GiB (would be 110 % used, of 90 % allowed: refused)" in shown.out
    assert machine("apply", "--rollback").code == 5
    assert machine("apply", "--rollback", "--accept", "disk").code == 0


def test_law_25_what_came_after_the_measurement_counts_and_a_run_tells_what_it_used(
    tmp_path: Path,
) -> None:
    """Figures of before would say that a new directory is empty, and a full disk as it was."""
    machine = Machine(tmp_path)
    assert machine("measure").code == 0
    assert machine("apply").code == 0
    machine.write("srv/data/huge/f", "x" * 5000)
    machine.edit("  /srv/data/big: direct", "  /srv/data/big: direct\n  /srv/data/huge: direct")
    shown = machine("plan").out
    assert "/srv/data/huge" in shown
    assert "(4.9 KiB, 1 file)" in shown
    assert "hits nothing" not in shown
    assert machine("run", "nightly").code == 0
    with read_state(machine.root / "var/lib/policyctl/state.db") as state:
        assert state is not None
        room = state.room("disk")
        ended = state.last_success("nightly")
    assert room is not None
    assert ended is not None
    assert room.measured > ended.started


def test_law_25_room_and_data_are_looked_at_anew_where_somebody_asks(machine: Machine) -> None:
    """A figure of yesterday refuses what fits by now, and lets pass what does not fit any more."""
    machine.edit("path: /volume1/copies,", "path: /volume1/copies, max_used: 99%,")
    assert machine("apply").code == 0
    room(machine, "nas", free=0)
    machine.edit(BIG, BIG + "  /srv/data/a: direct\n")
    assert machine("measure").code == 0
    machine.write("srv/data/a/later", "x" * 1000)
    old = destination(machine("plan", "--json").json, "nas")
    assert (old["over"], old["free_bytes"], old["arriving_bytes"]) == (True, 0, 3)
    assert "`policyctl apply --measure --root " in machine("apply").err
    shown = machine("plan", "--measure", "--json").json
    new = destination(shown, "nas")
    there = os.statvfs(machine.root / "@nas.example.net/volume1/copies")
    assert abs(new["free_bytes"] - there.f_bavail * there.f_frsize) < 10 * GIB
    assert (new["over"], new["arriving_bytes"]) == (False, 1003)
    assert datetime.now(UTC) - datetime.fromisoformat(new["measured"]) < timedelta(minutes=2)
    assert shown["refused"] == []
    # Nothing is noted by asking; and where nothing can be seen, the old figure judges.
    assert destination(machine("plan", "--json").json, "nas")["free_bytes"] == 0
    (machine.root / "@nas.example.net").rename(machine.root / "away")
    away = machine("plan", "--measure")
    assert "nas: its room could not be looked at now: No such file or directory" in away.out
    assert "refused)" in away.out
    (machine.root / "away").rename(machine.root / "@nas.example.net")
    assert machine("apply", "--measure").code == 0


def test_a_leg_that_may_be_renamed_without_was_is_asked_about(machine: Machine) -> None:
    """Before all that it has copied is left behind, and sent once more."""
    machine.edit("nightly", "daily")
    said = "if daily is nightly under another name, say `was: nightly` in it"
    assert said in machine("plan").out
    assert any(said in note for note in machine("plan", "--json").json["notes"])
    machine.edit("daily: {kind", "daily: {was: nightly, kind")
    assert "under another name" not in machine("plan").out
