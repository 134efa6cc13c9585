"""`policyctl restore` as a user meets it: what is taken, why, and where it comes to."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.databases import make
from tests.e2e.test_cli import Machine
from tests.integration.lab import HOSTILE, at, tree

pytestmark = pytest.mark.tool("rsync")

HOUSE = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office,
        cannot_keep: [owner, acls]}
sources:
  data: {kind: tree, path: /srv/data, media: ssd, site: home}
legs:
  nightly: {kind: mirror, to: "disk:/data", schedule: "02:00", deleted: {keep: 14d}}
  offsite: {kind: mirror, from: nightly, to: "nas:/lab", schedule: "04:00"}
routes:
  /srv/data: nightly
"""
HISTORY = HOUSE.replace('kind: mirror, to: "disk:/data"', 'kind: versions, to: "disk:/data"')
HISTORY = HISTORY.replace("deleted: {keep: 14d}", "keep: {last: 9}")
HISTORY = HISTORY.replace("from: nightly", "from: disk")


def names_in(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path, HOUSE)
    assert found("apply").code == 0
    assert found("run", "nightly", "offsite").code == 0
    return found


def test_a_file_comes_back_into_a_new_folder(machine: Machine) -> None:
    before = (machine.root / "srv/data/a/file").stat()
    done = machine("restore", "/srv/data/a/file")
    assert done.code == 0, done.err
    came = machine.folder / "restored-from-disk/file"
    assert came.read_text() == "one"
    assert came.stat().st_mtime_ns == before.st_mtime_ns
    assert "takes     disk: the newest state of " in done.out
    assert "restored " in done.out
    assert names_in(came.parent) == ["file"], "nothing of the engine's own stays"
    assert came.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_above_is_named_and_never_made(machine: Machine) -> None:
    above = machine.folder / "not yet/back"
    done = machine("restore", "/srv/data/a/file", "--to", str(above / "new"))
    assert done.code == 5
    assert f"type `mkdir -p '{above}'` and then the same command" in done.err
    assert not above.parent.exists()
    subprocess.run(["bash", "-c", done.err.split("`")[1]], check=True)
    again = machine("restore", "/srv/data/a/file", "--to", str(above / "new"))
    assert again.code == 0, again.err
    assert (above / "new/file").read_text() == "one"
    inside = machine("restore", "/srv/data/a/file", "--to", str(above / "new/file/x"))
    assert inside.code == 5
    assert "new/file is no directory" in inside.err


def test_a_symlink_is_not_followed_and_its_end_is_named(machine: Machine) -> None:
    (machine.folder / "real").mkdir()
    (machine.folder / "link").symlink_to("real")
    done = machine("restore", "/srv/data/a/file", "--to", str(machine.folder / "link"))
    assert done.code == 5
    assert f"name where it leads, --to {machine.folder}/real;" in done.err
    assert names_in(machine.folder / "real") == []
    # Above the folder symlinks are the user's own affair.
    below = machine("restore", "/srv/data/a/file", "--to", str(machine.folder / "link/new"))
    assert below.code == 0, below.err
    assert (machine.folder / "real/new/file").read_text() == "one"


def test_a_directory_comes_back_whole(machine: Machine) -> None:
    done = machine("restore", "/srv/data/a", "--json")
    assert done.code == 0, done.err
    assert done.json["chosen"] == "disk"
    assert (done.json["entries"], done.json["bytes"], done.json["done"]) == (2, 3, True)
    assert tree(machine.folder / "restored-from-disk") == {
        b"a": ("directory", b""),
        b"a/file": ("file", b"one"),
    }


def test_a_whole_source_comes_back(machine: Machine) -> None:
    done = machine("restore", "/srv/data", "--to", str(machine.folder / "new"))
    assert done.code == 0, done.err
    assert tree(machine.folder / "new/data") == tree(machine.root / "srv/data")


def test_law_34_any_name_comes_back(machine: Machine) -> None:
    for number, name in enumerate(HOSTILE):
        path = at(machine.root / "srv/data/odd", name, b"inner")
        path.parent.mkdir(parents=True)
        path.write_text(f"{number}")
    assert machine("run", "nightly").code == 0
    for number, name in enumerate(HOSTILE):
        to = machine.folder / f"to{number}"
        done = machine("restore", b"/srv/data/odd/" + name, "--to", str(to))
        assert done.code == 0, done.err
        assert tree(to) == {
            name: ("directory", b""),
            name + b"/inner": ("file", b"%d" % number),
        }


def test_a_name_with_a_colon_keeps_it(machine: Machine) -> None:
    machine.write("srv/data/a/12:30 notes", "kept")
    assert machine("run", "nightly").code == 0
    assert machine("restore", "/srv/data/a/12:30 notes").code == 0
    assert names_in(machine.folder / "restored-from-disk") == ["12:30 notes"]


def test_law_01_what_other_legs_have_at_a_later_hop_is_no_part_of_it(tmp_path: Path) -> None:
    """The second hop carries the whole disk: the copies of two legs, one within the other."""
    text = HOUSE.replace('"disk:/data"', '"disk:/"').replace("from: nightly", "from: disk")
    text = text.replace("legs:\n", 'legs:\n  old: {kind: mirror, from: shelf, to: "disk:/old"}\n')
    text = text.replace("sources:\n", "sources:\n  shelf: {kind: files, paths: [/srv/archive]}\n")
    machine = Machine(tmp_path, text)
    assert machine("apply").code == 0
    assert machine("run", "nightly", "old", "offsite").code == 0
    assert (machine.root / "@nas.example.net/volume1/copies/lab/old/srv/archive/old").is_file()
    live = tree(machine.root / "srv/data")
    assert machine("restore", "/srv/data", "--to", str(machine.folder / "near")).code == 0
    shutil.rmtree(machine.root / "mnt/disk")
    done = machine("restore", "/srv/data", "--to", str(machine.folder / "far"))
    assert done.code == 0, done.err
    assert tree(machine.folder / "near/data") == live
    assert tree(machine.folder / "far/data") == live


def test_law_27_the_next_place_is_taken_where_the_best_is_away_and_says_what_is_lost(
    machine: Machine,
) -> None:
    shutil.rmtree(machine.root / "mnt/disk")
    done = machine("restore", "/srv/data/a/file")
    assert done.code == 0, done.err
    assert (machine.folder / "restored-from-nas/file").read_text() == "one"
    assert "/mnt/disk/data/a/file: its disk is not there" in done.out
    assert "not kept by this copy, and not restored: owner, acls" in done.out


def test_what_nothing_holds_is_refused(machine: Machine) -> None:
    done = machine("restore", "/srv/data/a/never", "--json")
    assert done.code == 5
    assert "no copy that could be looked at holds /srv/data/a/never" in done.json["error"]
    assert "no source of this policy holds /elsewhere" in machine("restore", "/elsewhere").err


def test_nothing_is_overwritten_and_to_wants_an_empty_folder(machine: Machine) -> None:
    assert machine("restore", "/srv/data/a/file").code == 0
    again = machine("restore", "/srv/data/a/file")
    assert again.code == 5
    assert "is there already, and nothing is overwritten" in again.err
    full = machine("restore", "/srv/data/a/file", "--to", str(machine.root / "srv/archive"))
    assert full.code == 5
    assert "is not empty: it holds old" in full.err
    assert names_in(machine.folder / "restored-from-disk") == ["file"]


def test_a_folder_that_is_copied_or_holds_copies_is_refused_unless_told(machine: Machine) -> None:
    inside = machine("restore", "/srv/data/a/file", "--to", str(machine.root / "srv/data/new"))
    assert inside.code == 5
    assert "lies in the source 'data': nightly would copy what comes back" in inside.err
    copies = machine("restore", "/srv/data/a/file", "--to", str(machine.root / "mnt/disk/new"))
    assert copies.code == 5
    assert "lies among the copies of 'disk'" in copies.err
    told = machine(
        "restore", "/srv/data/a/file", "--to", str(machine.root / "srv/data/new"), "--anywhere"
    )
    assert told.code == 0, told.err


def test_law_41_a_copied_symlink_never_leads_to_what_lies_on_this_machine(
    machine: Machine,
) -> None:
    secret = machine.folder / "secret"
    secret.mkdir()
    (secret / "key").write_text("private")
    (machine.root / "srv/data/link").symlink_to(secret)
    assert machine("run", "nightly").code == 0
    inside = machine("restore", "/srv/data/link/key")
    assert inside.code == 5, inside.out
    assert "no copy that could be looked at holds" in inside.err
    itself = machine("restore", "/srv/data/link")
    assert itself.code == 0, itself.err
    assert (machine.folder / "restored-from-disk/link").is_symlink()


def test_a_symlink_in_the_place_of_the_folder_is_not_followed(machine: Machine) -> None:
    elsewhere = machine.folder / "elsewhere"
    elsewhere.mkdir()
    (machine.folder / "restored-from-disk").symlink_to(elsewhere)
    done = machine("restore", "/srv/data/a/file")
    assert done.code == 5, done.out
    assert names_in(elsewhere) == []
    assert "Traceback" not in done.err


def test_the_moment_that_is_shown_is_the_one_to_type(machine: Machine) -> None:
    listed = machine("restore", "/srv/data/a/file", "--list")
    shown = re.findall(r"\w+ (\d+ \w+ \d+ [\d:]+)  disk", listed.out)
    moment = datetime.strptime(shown[0], "%d %b %Y %H:%M:%S").replace(tzinfo=UTC)
    typed = f"{moment:%Y-%m-%d %H:%M:%S}"
    done = machine("restore", "/srv/data/a/file", "--as-of", typed)
    assert done.code == 0, done.err
    assert "newest until" in done.out
    before = machine("restore", "/srv/data/a/file", "--as-of", str(moment - timedelta(seconds=1)))
    assert before.code == 5, before.out


@pytest.fixture
def historic(tmp_path: Path) -> Machine:
    """A machine with two generations, both carried on."""
    machine = Machine(tmp_path, HISTORY)
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    (machine.root / "srv/data/a/file").write_text("two")
    time.sleep(1.1)
    assert machine("run", "nightly", "offsite").code == 0
    return machine


def test_generations_are_ranked_and_the_later_hop_has_the_same(historic: Machine) -> None:
    found = historic("restore", "/srv/data/a/file", "--list", "--json").json
    listed = [(one["place"], one["whole"], one["chosen"]) for one in found["versions"]]
    assert sorted(listed[:2]) == [("disk", "verified", True), ("nas", "complete", False)]
    assert len(listed) == 4
    moments = [one["moment"] for one in found["versions"]]
    assert moments == sorted(moments, reverse=True)
    oldest = next(one["from"] for one in found["versions"][2:] if one["place"] == "disk")
    done = historic("restore", "/srv/data/a/file", "--from", oldest)
    assert done.code == 0, done.err
    assert (historic.folder / "restored-from-disk/file").read_text() == "one"
    shutil.rmtree(historic.root / "mnt/disk")
    rest = historic("restore", "/srv/data/a", "--to", str(historic.folder / "rest"))
    assert rest.code == 0, rest.err
    assert tree(historic.folder / "rest/a") == {b"file": ("file", b"two")}


def test_what_a_later_hop_has_not_carried_through_is_no_state_to_take(historic: Machine) -> None:
    """Its run was cut off: a generation of that name is there, and may hold half of its files."""
    time.sleep(1.1)
    (historic.root / "srv/data/a/file").write_text("three")
    assert historic("run", "nightly").code == 0
    newest = names_in(historic.root / "mnt/disk/data")[-1]
    half = historic.root / "@nas.example.net/volume1/copies/lab/data" / newest / "a"
    half.mkdir(parents=True)
    shutil.rmtree(historic.root / "mnt/disk")
    done = historic("restore", "/srv/data/a")
    assert done.code == 0, done.err
    assert (historic.folder / "restored-from-nas/a/file").read_text() == "two"
    assert "offsite is not known to have succeeded since it was made" in done.out


def test_a_damaged_generation_is_never_taken_and_is_named(historic: Machine) -> None:
    change(historic, "UPDATE generation SET standing = 'damaged'")
    shutil.rmtree(historic.root / "@nas.example.net")
    done = historic("restore", "/srv/data/a/file")
    assert done.code == 5
    assert "it is damaged" in done.out
    assert "no copy of /srv/data/a/file may be taken" in done.err


def test_the_state_of_three_runs_ago_comes_back_from_what_was_set_aside(machine: Machine) -> None:
    """Each run sets aside what it replaces; the records say which state that was.

    Two of the states are of one second: rewritten fast, and neither of them is damaged.
    """
    file = machine.root / "srv/data/a/file"
    second, rest = divmod(file.stat().st_mtime_ns, 1_000_000_000)
    same_second = second * 1_000_000_000 + (rest + 500_000_000) % 1_000_000_000
    times = [datetime.now(UTC)]
    for text in ("two", "three", "four"):
        file.write_text(text)
        if text == "two":
            os.utime(file, ns=(same_second, same_second))
        time.sleep(1.1)
        assert machine("run", "nightly").code == 0
        times.append(datetime.now(UTC))
    for then, content in zip(times, ("one", "two", "three", "four"), strict=True):
        to = machine.folder / content
        done = machine("restore", "/srv/data/a/file", "--as-of", then.isoformat(), "--to", str(to))
        assert done.code == 0, (done.out, done.err)
        assert (to / "file").read_text() == content, done.out
    early = machine("restore", "/srv/data/a/file", "--as-of", "2020-01-01")
    assert early.code == 5
    assert "it is newer: of " in early.out
    listed = machine("restore", "/srv/data/a/file", "--list")
    assert listed.code == 0
    assert listed.out.count("disk:20") == 3, listed.out


def test_law_17_a_file_that_nothing_has_replaced_is_the_state_of_then(machine: Machine) -> None:
    """By single moments it could be had of the last run alone: it has not changed for long."""
    then = datetime.now(UTC)
    for _ in range(2):
        time.sleep(1.1)
        assert machine("run", "nightly").code == 0
    done = machine("restore", "/srv/data/a/file", "--as-of", then.isoformat())
    assert done.code == 0, (done.out, done.err)
    assert "no run has replaced it from before" in done.out
    (machine.root / "srv/data/a/file").touch()
    time.sleep(1.1)
    assert machine("run", "nightly", "--full").code == 0
    early = machine("restore", "/srv/data/a/other", "--as-of", then.isoformat())
    assert early.code == 5
    (machine.root / "srv/data/a/other").write_text("came since")
    assert machine("run", "nightly").code == 0
    late = machine("restore", "/srv/data/a/other", "--as-of", then.isoformat())
    assert late.code == 5, late.out
    assert "it is newer: of " in late.out


def test_a_deleted_directory_comes_back_from_what_one_run_took_away(machine: Machine) -> None:
    shutil.rmtree(machine.root / "srv/data/big")
    assert machine("run", "nightly", "offsite").code == 0
    done = machine("restore", "/srv/data/big")
    assert done.code == 0, done.err
    assert "nothing that is whole holds it" in done.out
    assert (machine.folder / "restored-from-disk/big/film").read_text() == "two two"


def test_a_directory_is_listed_with_what_holds_it(machine: Machine) -> None:
    (machine.root / "srv/data/a/file").unlink()
    machine.write("srv/data/a/other", "new")
    assert machine("run", "nightly").code == 0
    done = machine("restore", "/srv/data/a", "--list", "--json")
    assert done.code == 0, done.err
    assert [one["part"] for one in done.json["versions"]].count(True) == 1
    assert done.json["chosen"] == "disk"
    assert done.json["entries"] == [{"name": "other", "directory": False}]
    assert "in disk:\n  other\n" in machine("restore", "/srv/data/a", "--list").out


def change(machine: Machine, statement: str) -> None:
    with closing(sqlite3.connect(machine.root / "var/lib/policyctl/state.db")) as db:
        db.execute(statement)
        db.commit()


def test_a_truncated_copy_is_named_and_the_next_best_offered(machine: Machine) -> None:
    copy = machine.root / "mnt/disk/data/a/file"
    kept = copy.stat()
    copy.write_text("o")
    os.utime(copy, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    done = machine("restore", "/srv/data/a")
    assert done.code == 6
    assert "differs   file: it has 1 bytes, and 3 in the other copy (nas)" in done.out
    same = f"/srv/data/a --policy {machine.manifest}"
    assert f"the next best: `policyctl restore {same} --from nas --root" in done.err
    other = machine("restore", "/srv/data/a", "--from", "nas", "--json")
    assert other.code == 6, "the two still differ, whichever is taken"
    assert [one["path"] for one in other.json["differences"]] == ["file"]


def test_a_half_deleted_copy_is_named(machine: Machine) -> None:
    shutil.rmtree(machine.root / "mnt/disk/data/big")
    done = machine("restore", "/srv/data")
    assert done.code == 6
    assert "differs   big: it did not come, and is in the other copy (nas)" in done.out


def test_what_a_pattern_matches_comes_back_and_nothing_else(machine: Machine) -> None:
    for name in ("x1/cat", "x1/dog", "x2/cat", "x2/in/cat", "y/cat", "x3/dog", "x[1]/cat"):
        machine.write(f"srv/data/pets/{name}", name)
    assert machine("run", "nightly", "offsite").code == 0
    done = machine("restore", "/srv/data/pets/x?/c*", "--glob")
    assert done.code == 0, (done.out, done.err)
    assert sorted(tree(machine.folder / "restored-from-disk")) == [
        b"pets", b"pets/x1", b"pets/x1/cat", b"pets/x2", b"pets/x2/cat"
    ]  # fmt: skip
    literal = machine("restore", "/srv/data/pets/x[[]1]/c*", "--glob", "--to", "./two")
    assert literal.code == 0, literal.err
    assert (machine.folder / "two/x[1]/cat").read_text() == "x[1]/cat"
    none = machine("restore", "/srv/data/pets/z*", "--glob", "--to", "./none")
    assert none.code == 5
    assert "holds nothing that the pattern matches" in none.err
    strange = machine("restore", "/srv/data/a/file", "--from", "nowhere")
    assert strange.code == 5
    assert "--from nowhere is no copy of /srv/data/a/file; there are: disk, nas" in strange.err
    assert not (machine.folder / "none").exists(), "what it had made is gone again"
    place = machine("restore", "/srv/data/pets/x*", "--glob", "--in-place", "--yes", "pets")
    assert place.code == 5
    assert "cannot take its place" in place.err


DATABASES = HOUSE.replace(
    '  nightly: {kind: mirror, to: "disk:/data", schedule: "02:00", deleted: {keep: 14d}}',
    '  nightly: {kind: versions, from: data, to: "disk:/data", schedule: "02:00",\n'
    "            keep: {last: 3}}\n"
    '  bases: {kind: sqlite, from: data, to: "disk:/bases", schedule: "03:00", keep: {last: 3}}',
)
DATABASES = DATABASES[: DATABASES.index("  offsite:")]


@pytest.fixture
def keeper(tmp_path: Path) -> Machine:
    """A machine with a database that two legs keep, each in its way."""
    machine = Machine(tmp_path, DATABASES)
    make(machine.root / "srv/data/a/app.db", "CREATE TABLE t (x)", "INSERT INTO t VALUES (7)")
    assert machine("apply").code == 0, machine("apply").err
    assert machine("run", "nightly").code == 0
    begun = int(time.time())
    while int(time.time()) == begun:  # generations are named by the second
        time.sleep(0.05)
    assert machine("run", "bases").code == 0
    return machine


def test_a_verified_copy_of_a_database_comes_back_and_is_checked(keeper: Machine) -> None:
    done = keeper("restore", "/srv/data/a/app.db")
    assert done.code == 0, (done.out, done.err)
    assert "takes     disk:2" in done.out
    assert "verified copy" in done.out
    came = keeper.folder / "restored-from-disk/app.db"
    with closing(sqlite3.connect(came)) as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(7,)]
    assert keeper("restore", "/srv/data/a", "--to", "./all").code == 0
    assert names_in(keeper.folder / "all/a") == ["app.db", "file"], "of a tree the files' own leg"


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_database_whose_log_lies_beside_it_is_told_to_be_no_whole(
    machine: Machine, end: str
) -> None:
    base = machine.root / "srv/data/a/[x].db"
    for one in (base, base.with_name("[x].db" + end)):
        one.write_text("bytes")
    assert machine("run", "nightly").code == 0
    done = machine("restore", "/srv/data/a/[x].db")
    assert f"note      [x].db{end} lies beside it in the copy" in done.out
    (command,) = re.findall(r"`policyctl restore '(.*)' --glob", done.out)
    assert machine("restore", command, "--glob", "--to", "./both").code == 0
    assert names_in(machine.folder / "both/a") == ["[x].db", f"[x].db{end}"]
    assert "note" not in machine("restore", "/srv/data/a/file", "--to", "./alone").out


def test_a_copy_of_a_database_that_has_become_empty_is_told(keeper: Machine) -> None:
    """To SQLite an empty file is a sound database without tables."""
    (copy,) = (keeper.root / "mnt/disk").glob("[!d]*/2*/a/app.db")
    os.truncate(copy, 0)
    done = keeper("restore", "/srv/data/a/app.db")
    assert done.code == 6, done.out
    assert "it is no database any more" in done.out


def test_a_plain_copy_that_sqlite_finds_damaged_is_told(keeper: Machine) -> None:
    (plain,) = (keeper.root / "mnt/disk/data").glob("2*/a/app.db")
    name = plain.parents[1].name
    kept = plain.stat()
    content = bytearray(plain.read_bytes())
    content[4096:4200] = b"\xff" * 104
    plain.write_bytes(content)
    os.utime(plain, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    done = keeper("restore", "/srv/data/a/app.db", "--from", f"disk:{name}")
    assert done.code == 6, done.out
    assert "SQLite finds it damaged" in done.out
    assert "SQLite has made and checked a copy of it: --from disk:" in done.out


def test_the_newest_verified_copy_is_named_and_no_older_one(keeper: Machine) -> None:
    """Whoever follows the note of an older one loses what was written since."""
    time.sleep(1.1)
    assert keeper("run", "bases").code == 0
    older, newest = sorted(one.name for one in (keeper.root / "mnt/disk/bases").glob("2*"))
    (plain,) = (one.name for one in (keeper.root / "mnt/disk/data").glob("2*"))
    done = keeper("restore", "/srv/data/a/app.db", "--from", f"disk:{plain}")
    assert f"SQLite has made and checked a copy of it: --from disk:{newest}" in done.out
    assert older not in done.out.partition("note")[2]


VOLUMES = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
sources:
  pvcs: {kind: lvm-thin, vg: pve, pool: data, volumes: "vm-*", names: kubernetes, media: ssd}
legs:
  snaps: {kind: snapshot, schedule: "01:00", keep: {last: 3}}
  files: {kind: versions, from: snaps, to: "disk:/pvc", schedule: "02:00", keep: {last: 3}}
routes:
  "pvcs:": snaps
"""
GENERATIONS = ("2026-11-27T02-00-00Z", "2026-11-28T02-00-00Z")


def test_what_lay_in_a_volume_comes_back_however_long_its_address_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path, VOLUMES)
    for name in GENERATIONS:
        machine.write(f"mnt/disk/pvc/media/films/{name}/library/app.db", name)
        machine.write(f"mnt/disk/pvc/vm-9/{name}/library/app.db", f"{name} of another")
    done = machine("restore", "pvcs:media/films/library/app.db")
    assert done.code == 0, done.err
    assert (machine.folder / "restored-from-disk/app.db").read_text() == GENERATIONS[1]
    assert "`policyctl rollback pvcs:media/films/library/app.db" not in done.out
    old = machine("restore", "pvcs:media/films/library", "--as-of", "2026-11-27", "--to", "./old")
    assert old.code == 0, old.err
    assert (machine.folder / "old/library/app.db").read_text() == GENERATIONS[0]
    whole = machine("restore", "pvcs:media/films", "--to", "./whole")
    assert whole.code == 0, whole.err
    assert tree(machine.folder / "whole/films") == {
        b"library": ("directory", b""),
        b"library/app.db": ("file", GENERATIONS[1].encode()),
    }
    assert "`policyctl rollback pvcs:media/films --root" in whole.out
    short = machine("restore", "pvcs:vm-9/library/app.db", "--to", "./short")
    assert short.code == 0, short.err
    assert (machine.folder / "short/app.db").read_text() == f"{GENERATIONS[1]} of another"
    pattern = machine("restore", "pvcs:vm-*", "--glob")
    assert pattern.code == 5
    assert "`policyctl restore pvcs: --list --root" in pattern.err
    inside = machine("restore", "pvcs:vm-9/lib*", "--glob", "--to", "./inside")
    assert inside.code == 0, inside.err
    place = machine("restore", "pvcs:media/films/library", "--in-place", "--yes", "library")
    assert place.code == 5
    assert "while its volume is not mounted" in place.err


def test_a_source_whose_copies_are_the_whole_destination_comes_back_without_what_is_beside_them(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path)
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    machine.write("mnt/disk/dumps/one.sql", "another leg's")
    done = machine("restore", "/srv/data", "--to", "./back")
    assert done.code == 0, (done.out, done.err)
    assert tree(machine.folder / "back") == {
        b"data": ("directory", b""),
        b"data/a": ("directory", b""),
        b"data/a/file": ("file", b"one"),
    }


def test_a_dump_that_nobody_has_made_yet_is_not_there(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for words in (("restore", "database:"), ("restore", "database:x")):
        done = machine(*words)
        assert done.code == 5
        assert "no copy that could be looked at holds database:" in done.err
        assert "Nothing was restored" in done.err
