"""`policyctl migrate`, and `--migrate` of `plan` and `apply`, as a user meets them."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.system.host.lock import hold
from engine.system.host.places import Places
from engine.system.state.state import RoomRecord, open_state
from tests.e2e.test_cli import Done, Machine, policyctl

pytestmark = pytest.mark.tool("rsync")

GIB = 1 << 30
MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office}
sources:
  data: {kind: tree, path: /srv/data, media: ssd, site: home}
legs:
  nightly: {kind: mirror, to: "disk:/", schedule: "02:00", timeout: 5m}
  direct: {kind: mirror, to: "nas:/data", schedule: "04:00", timeout: 5m}
  onward: {kind: mirror, from: disk, to: "nas:/disk", schedule: "06:00", timeout: 5m}
routes:
  /srv/data: nightly
  /srv/data/big: direct
"""
ROUTE = "  /srv/data: nightly\n"


class Migrating(Machine):
    """A machine; `migrate` and `gc` read no manifest."""

    def __call__(
        self, command: str, *arguments: str | bytes, cwd: Path | None = None, **variables: str
    ) -> Done:
        return self.plain(super().__call__(command, *arguments, cwd=cwd, **variables))

    def migrate(self, *words: str) -> Done:
        return self.plain(policyctl("migrate", *words, "--root", str(self.root), cwd=self.folder))

    def gc(self, *words: str) -> Done:
        return self.plain(policyctl("gc", *words, "--root", str(self.root), cwd=self.folder))

    def plain(self, done: Done) -> Done:
        """Commands that are named are named without the root of the test."""
        root = f" --root {self.root}"
        return Done(done.code, done.out.replace(root, ""), done.err.replace(root, ""))

    @property
    def nas(self) -> Path:
        return self.root / "@nas.example.net/volume1/copies"

    def route(self, *lines: str) -> None:
        self.manifest.write_text(MANIFEST.replace(ROUTE, ROUTE + "".join(f"{o}\n" for o in lines)))


@pytest.fixture
def applied(tmp_path: Path) -> Migrating:
    """`a`, `b`, `c` ride to the disk and from there to the NAS."""
    machine = Migrating(tmp_path, MANIFEST)
    machine.write("srv/data/b/file", "two")
    machine.write("srv/data/c/file", "three")
    assert machine("apply").code == 0
    for leg in ("nightly", "direct", "onward"):
        assert machine("run", leg).code == 0
    return machine


@pytest.fixture
def machine(applied: Migrating) -> Migrating:
    """Now `a` and `b` go to the NAS at once."""
    assert applied.migrate().out == "no orphans: nothing lies under an old name\n"
    applied.route("  /srv/data/a: direct", "  /srv/data/b: direct")
    assert applied("apply").code == 0
    return applied


# ── The list ─────────────────────────────────────────────────────────────────────────────────


def test_it_lists_what_can_be_renamed_and_why_the_rest_cannot(machine: Migrating) -> None:
    listed = machine.migrate()
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.splitlines() == [
        "disk:/a  3 B, 1 file",
        "  stays: disk:/a: its data go to nas now, and not to disk",
        "disk:/b  3 B, 1 file",
        "  stays: disk:/b: its data go to nas now, and not to disk",
        "nas:/disk/a  3 B, 1 file",
        "  nas:/disk/a → nas:/data/a  (for direct)",
        "  `policyctl migrate nas:/disk/a` renames it: nothing is sent",
        "nas:/disk/b  3 B, 1 file",
        "  nas:/disk/b → nas:/data/b  (for direct)",
        "  `policyctl migrate nas:/disk/b` renames it: nothing is sent",
    ]
    assert (machine.nas / "disk/a/file").exists()
    one = machine.migrate("--preview", "nas:/disk/b")
    assert one.out.splitlines() == listed.out.splitlines()[-3:]
    assert "`policyctl migrate nas:/disk/a` may rename it" in machine.gc("nas:/disk/a").out
    assert "migrate" not in machine.gc("disk:/a").out


def test_the_list_as_json(machine: Migrating) -> None:
    listed = machine.migrate("--json")
    assert listed.err == ""
    disk, *_, nas = listed.json["orphans"]
    assert disk == {
        "orphan": "disk:/a",
        "files": 1,
        "bytes": 3,
        "renames": [],
        "stays": [
            {
                "at": {"destination": "disk", "path": "/a"},
                "reason": "its data go to nas now, and not to disk",
            }
        ],
    }
    assert nas["renames"] == [
        {
            "leg": "direct",
            "from": {"destination": "nas", "path": "/disk/b"},
            "to": {"destination": "nas", "path": "/data/b"},
        }
    ]


# ── Renaming ─────────────────────────────────────────────────────────────────────────────────


def test_by_name(machine: Migrating) -> None:
    done = machine.migrate("nas:/disk/a")
    assert (done.code, done.err) == (0, "nas:/disk/a → nas:/data/a  (for direct)\n")
    assert done.out == (
        "nas:/disk/a: 1 path renamed; the next run of direct looks at everything there\n"
    )
    assert (machine.nas / "data/a/file").read_text() == "one"
    assert not (machine.nas / "disk/a").exists()
    assert (machine.nas / "disk/b/file").exists()
    history = machine.gc("--history").out
    assert "nas:/disk/a  3 B, 1 file, renamed to nas:/data/a; an orphan since" in history
    (stone,) = machine.gc("--history", "--json").json["removed"]
    assert (stone["orphan"], stone["renamed_to"]) == ("nas:/disk/a", "nas:/data/a")


def test_all(machine: Migrating) -> None:
    done = machine.migrate("--all", "--json")
    assert done.code == 0, "what goes elsewhere is nothing that failed"
    assert done.err.count(" → ") == 2
    assert [one["orphan"] for one in done.json["orphans"]] == ["nas:/disk/a", "nas:/disk/b"]
    assert done.json["orphans"][0]["renamed"] == [
        {
            "leg": "direct",
            "from": {"destination": "nas", "path": "/disk/a"},
            "to": {"destination": "nas", "path": "/data/a"},
        }
    ]
    assert done.json["orphans"][0]["stays"] == []
    again = machine.migrate("--all")
    assert (again.code, again.out, again.err) == (0, "nothing was to be renamed\n", "")
    for leg in ("nightly", "direct", "onward"):
        run = machine("run", leg, "--json")
        assert run.code == 0
    assert machine.gc("--verified").code == 0
    assert machine.gc("--json").json == {"orphans": []}
    assert {one.name for one in (machine.nas / "disk").iterdir()} == {"c", "scratch"}
    assert {one.name for one in (machine.nas / "data").iterdir()} == {"a", "b", "big"}


def test_a_wrong_name_renames_nothing(machine: Migrating) -> None:
    for words in (("nas:/disk/c",), ("nas:/disk/a", "nas:/no")):
        refused = machine.migrate(*words)
        assert (refused.code, refused.out) == (5, "")
        assert "there is no orphan" in refused.err
        assert "nothing was renamed" in refused.err
    assert machine.migrate("nas:/disk/a", "--all").code == 2
    assert (machine.nas / "disk/a/file").exists()


def test_what_is_named_and_stays_is_a_failure(machine: Migrating) -> None:
    done = machine.migrate("disk:/a")
    assert done.code == 5
    assert done.out == (
        "disk:/a stays\n  stays: disk:/a: its data go to nas now, and not to disk\n"
    )
    both = machine.migrate("disk:/a", "nas:/disk/a")
    assert both.code == 6
    assert (machine.nas / "data/a/file").exists()


def test_one_that_is_there_already(machine: Migrating) -> None:
    (machine.nas / "data/b").mkdir()
    done = machine.migrate("--all")
    assert done.code == 6
    assert "nas:/data/b is there, and not direct's: nothing is overwritten" in done.out
    assert (machine.nas / "data/a/file").exists()
    (machine.nas / "data/b").rmdir()
    assert machine.migrate("--all").code == 0
    assert (machine.nas / "data/b/file").exists()


def test_law_07_locks_that_others_hold(machine: Migrating) -> None:
    with hold(Places(root=machine.root).holder_lock("nas")):
        busy = machine.migrate("--all")
        assert machine.migrate("--all", "--json").json["orphans"][0]["busy"]
        assert machine.migrate().code == 0, "a list waits for nobody"
    assert busy.code == 75
    assert "nas:/disk/a stays" in busy.out
    assert "a run writes there now" in busy.out
    with hold(Places(root=machine.root).lock_dir / "gc.lock"):
        busy = machine.migrate("nas:/disk/a")
    assert (busy.code, busy.out) == (75, "")
    assert "another gc or migrate works" in busy.err
    assert (machine.nas / "disk/a/file").exists()


def test_back_to_the_disk_it_waits(machine: Migrating) -> None:
    assert machine.migrate("--all").code == 0
    assert machine.gc("--remove", "disk:/a").code == 0
    machine.route("  /srv/data/b: direct")
    shown = machine("plan").out
    assert (
        "nas:/data/a → nas:/disk/a: 3 B need not be sent: first `policyctl run nightly`, then "
        "`policyctl migrate`, then onward" in shown
    )
    assert "apply --migrate" not in shown
    applied = machine("apply", "--migrate")
    assert applied.code == 6
    assert "`policyctl run nightly` first" in applied.out
    assert machine("run", "nightly").code == 0
    assert machine.migrate("nas:/data/a").code == 0
    assert (machine.nas / "disk/a/file").read_text() == "one"


# ── Together with `apply` ────────────────────────────────────────────────────────────────────


def test_a_rollback_is_told_to_rename_by_its_own_command(applied: Migrating) -> None:
    applied.edit('to: "nas:/data"', 'to: "nas:/moved"')
    assert applied("apply").code == 0
    assert applied("run", "direct").code == 0
    back = applied("plan", "--rollback").out
    assert "nas:/moved/big → nas:/data/big: 7 B need not be sent" in back
    assert "`policyctl apply --rollback --migrate` renames them before anything" in back


def test_apply_migrates(applied: Migrating) -> None:
    applied.route("  /srv/data/a: direct")
    shown = applied("plan").out
    assert "renames\n  nas:/disk/a → nas:/data/a: 3 B need not be sent\n" in shown
    assert "`policyctl apply --migrate` renames them before anything is sent again" in shown
    assert "nas +3 B" in shown
    would = applied("plan", "--migrate").out
    assert "nas:/disk/a → nas:/data/a: 3 B need not be sent" in would
    assert "apply --migrate" not in would
    assert "nas +3 B" not in would
    assert "left behind, protected: disk:/a" in would
    assert "left behind, protected: nas:/disk/a" not in would
    done = applied("apply", "--migrate")
    assert done.code == 0
    assert "nas:/disk/a: 1 path renamed" in done.out
    assert (applied.nas / "data/a/file").read_text() == "one"
    again = applied("apply", "--migrate")
    assert (again.code, "nothing was to be renamed" in again.out) == (0, True)


def test_apply_alone_renames_nothing(applied: Migrating) -> None:
    applied.route("  /srv/data/a: direct")
    assert applied("apply").code == 0
    assert (applied.nas / "disk/a/file").exists()


def test_apply_migrates_as_json(applied: Migrating) -> None:
    applied.route("  /srv/data/a: direct")
    (offer,) = applied("plan", "--json").json["data"]["renames"]
    assert offer == {
        "destination": "nas",
        "from": "nas:/disk/a",
        "to": "nas:/data/a",
        "route": "/srv/data/a",
        "leg": "direct",
        "bytes": 3,
        "after": [],
    }
    done = applied("apply", "--migrate", "--json")
    assert done.code == 0
    assert [one["orphan"] for one in done.json["migrated"]] == ["nas:/disk/a"]
    assert done.json["changed"]
    assert applied("apply", "--json").json["migrated"] == []


def test_law_25_what_is_renamed_needs_no_room(applied: Migrating) -> None:
    applied.write("srv/data/a/film", "")
    os.truncate(applied.root / "srv/data/a/film", 20 * GIB)
    seen = datetime.now(UTC)
    with open_state(applied.root / "var/lib/policyctl/state.db") as state:
        state.record_room("nas", RoomRecord(free=15 * GIB, total=100 * GIB, measured=seen))
    applied.route("  /srv/data/a: direct")
    refused = applied("apply")
    assert refused.code == 5
    assert "nas would be" in refused.err
    assert "20.0 GiB of it lie there under another name: `policyctl apply --migrate`" in refused.err
    (nas,) = (
        one
        for one in applied("plan", "--migrate", "--json").json["data"]["destinations"]
        if one["destination"] == "nas"
    )
    assert (nas["arriving_bytes"], nas["left_behind_bytes"], nas["over"]) == (0, 0, False)
    assert nas["renamable_bytes"] == 20 * GIB + 3
    assert applied("apply", "--migrate").code == 0
    assert (applied.nas / "data/a/file").exists()


def test_an_apply_that_died_before_it_renamed_is_completed_by_the_next(
    applied: Migrating,
) -> None:
    applied.route("  /srv/data/a: direct")
    assert applied("apply").code == 0  # as one that was killed when all was in place
    assert applied("apply", "--migrate").code == 0
    assert (applied.nas / "data/a/file").exists()
    assert applied.migrate("--all").out == "nothing was to be renamed\n"


def test_what_cannot_be_looked_at_is_never_taken_for_nothing_to_do(applied: Migrating) -> None:
    """The NAS is gone: an end that looked well would have the next run send everything anew."""
    applied.route("  /srv/data/a: direct", "  /srv/data/b: direct")
    away = applied.root / "@nas.example.net"
    away.rename(applied.root / "away")
    done = applied("apply", "--migrate")
    assert done.code == 6
    assert "is it mounted?" in done.out
    again = applied.migrate("--all")
    assert again.code == 5
    assert "is it mounted?" in again.out
    (applied.root / "away").rename(away)
    assert applied.migrate("--all").code == 0
    assert (applied.nas / "data/b/file").read_text() == "two"


SECOND = '  second: {kind: mirror, to: "disk:/second", schedule: "05:00", timeout: 5m}\nroutes:\n'


def test_there_and_back_costs_no_copy_where_the_later_hop_is_first(applied: Migrating) -> None:
    """What has yet to come back to the disk is kept at the NAS, which may hold the only copy."""
    there = MANIFEST.replace("routes:\n", SECOND + "  /srv/data/a: second\n")
    applied.manifest.write_text(there)
    assert applied("apply", "--migrate").code == 6, "at the NAS it waits for `second`"
    assert (applied.root / "mnt/disk/second/a").is_dir()
    back = MANIFEST.replace("routes:\n", SECOND + "  /srv/data/c: second\n")
    applied.manifest.write_text(back)
    assert applied("apply").code == 0
    assert not (applied.root / "mnt/disk/a").exists()
    assert applied("run", "onward").code == 0
    assert (applied.nas / "disk/a/file").read_text() == "one"
    told = applied("explain", str(applied.root / "srv/data/a/file")).out
    assert "age not known: nightly has not succeeded since the path came to it" in told
    assert applied("run", "nightly").code == 0
    assert applied("run", "onward").code == 0
    told = applied("explain", str(applied.root / "srv/data/a/file")).out
    assert "age not known" not in told
    # Now that it has come, it is the disk that says what goes.
    (applied.root / "srv/data/a/file").unlink()
    applied.write("srv/data/a/other", "new")
    for leg in ("nightly", "onward"):
        assert applied("run", leg).code == 0
    assert not (applied.nas / "disk/a/file").exists()


def test_a_rollback_takes_them_back(applied: Migrating) -> None:
    applied.route("  /srv/data/a: direct")
    assert applied("apply", "--migrate").code == 0
    back = applied("apply", "--rollback", "--migrate")
    # The disk had not lost its copy; the plan cannot know that, so a run of that leg comes first.
    assert back.code == 6
    assert (applied.nas / "data/a/file").exists()
    assert applied("run", "nightly").code == 0
    assert applied.migrate("--all").code == 0
    assert (applied.nas / "disk/a/file").exists()
