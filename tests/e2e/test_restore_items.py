"""`policyctl restore SOURCE:` as a user meets it: all subvolumes of a source, on a real btrfs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.test_cli import Done, Machine, policyctl
from tests.integration.btrfs import mounted_btrfs, subvolume

pytestmark = [pytest.mark.tool("btrfs", "mkfs.btrfs", "losetup", "rsync"), pytest.mark.root]
MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office}
sources:
  pool: {kind: btrfs, path: /srv/pool, subvolumes: "*"}
legs:
  snaps: {kind: snapshot, schedule: "00:00", keep: {last: 2}}
  files: {kind: versions, from: snaps, to: "disk:/files", schedule: "01:00", keep: {last: 2}}
  dbs: {kind: sqlite, from: snaps, to: "disk:/dbs", schedule: "02:00", keep: {last: 2}}
  offsite: {kind: mirror, from: disk, to: "nas:/all", schedule: "04:00"}
routes:
  "pool:": snaps
"""
ITEMS = ("apps", "mail", "photos")


class Pool(Machine):
    """Three subvolumes, each with a file and a database, and copies of them in two places."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, MANIFEST)
        for name in ITEMS:
            subvolume(self.root / "srv/pool" / name)
            self.write(f"srv/pool/{name}/deep/file", f"of {name}")
            with closing(sqlite3.connect(self.root / f"srv/pool/{name}/app.db")) as one:
                one.execute("CREATE TABLE t (x)")
                one.commit()
        assert self("apply").code == 0
        done = self("run", "snaps", "files", "dbs", "offsite")
        assert done.code == 0, done.out + done.err

    def restore(self, *words: str | Path) -> Done:
        root = () if "--at" in words else ("--root", str(self.root))
        return policyctl("restore", *map(str, words), *root, cwd=self.folder)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    with mounted_btrfs(tmp_path, tmp_path / "root/srv/pool"):
        yield Pool(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


EVERY = sorted(f"{name}/{file}" for name in ITEMS for file in ("app.db", "deep/file"))


def test_all_items_come_in_one_command(pool: Pool) -> None:
    done = pool.restore("pool:")
    assert done.code == 0, done.out + done.err
    came = pool.folder / "restored-from-pool"
    assert files(came) == EVERY
    assert (came / "mail/deep/file").read_text() == "of mail"
    lines = done.out.splitlines()
    assert [line.partition(":")[0] for line in lines if line[:1] != " "] == [
        *ITEMS,
        f"restored 3 of 3 items into {came}",
    ]
    assert lines[-1] == f"restored 3 of 3 items into {came}"
    again = pool.restore("pool:")
    assert (again.code, again.out.count("is there already, and was left alone")) == (6, 3)


def test_law_35_what_fails_of_one_keeps_no_other_back(pool: Pool) -> None:
    for folder in (pool.root / "mnt/disk/files", pool.root / "@nas.example.net/volume1"):
        for name in ("mail", "all/files/mail", "copies/all/files/mail"):
            shutil.rmtree(folder / name, ignore_errors=True)
    (generation,) = (pool.root / "mnt/disk/files").glob("apps/20*")
    rotten = generation / "app.db"
    rotten.write_bytes(b"SQLite format 3\0" + bytes(4096))
    to = pool.folder / "back"
    done = pool.restore("pool:", "--to", to)
    assert done.code == 5
    assert "mail: not restored: no copy may be taken: it holds only its databases: " in done.out
    assert done.out.splitlines()[-1].startswith(f"restored 2 of 3 items into {to}; 1 did not come")
    assert "differs" in done.out, "the copy of apps at the disk is not what it is at the NAS"
    assert (to / "photos/deep/file").read_text() == "of photos"
    done = pool.restore("pool:", "--from", "nas", "--to", pool.folder / "other", "--json")
    found = {one["item"]: one for one in json.loads(done.out)}
    assert (done.code, sorted(found)) == (6, [*ITEMS]), "apps differs at the disk"
    assert all(one["chosen"].startswith("nas:") for one in found.values())
    (note,) = found["mail"]["notes"]
    assert note == "it holds its databases alone: what else lay there is not in this copy"


def test_all_databases_come_in_one_command(pool: Pool) -> None:
    to = pool.folder / "databases"
    done = pool.restore("pool:", "--databases", "--to", to)
    assert done.code == 0, done.out + done.err
    assert files(to) == sorted(f"{name}/app.db" for name in ITEMS)
    (rotten,) = (pool.root / "mnt/disk/dbs/photos").glob("20*/app.db")
    rotten.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    done = pool.restore("pool:photos", "--databases", "--from", "disk", "--to", pool.folder / "one")
    assert done.code == 6
    assert "app.db: SQLite finds it damaged" in done.out


def test_the_copies_alone_are_enough(pool: Pool) -> None:
    nas = pool.root / "@nas.example.net/volume1/copies"
    to = pool.folder / "found"
    done = pool.restore("pool:", "--at", nas, "--to", to)
    assert done.code == 0, done.out + done.err
    assert files(to) == EVERY


def test_what_would_come_is_told_and_nothing_is_made(pool: Pool) -> None:
    for option in ("--list", "--explain"):
        done = pool.restore("pool:", option)
        assert done.code == 0
        assert done.out.count("would come from disk:") == 3
    assert not (pool.folder / "restored-from-pool").exists()
    assert pool.restore("pool:", "--in-place").code == 2
    for name in ("mnt/disk", "mnt/disk/x"):
        refused = pool.restore("pool:", "--to", pool.root / name)
        assert (refused.code, "lies among the copies" in refused.err) == (5, True)
    nas = pool.root / "@nas.example.net/volume1/copies"
    assert "lies among the copies" in pool.restore("pool:", "--at", nas, "--to", nas).err
    assert "would copy what comes back" in pool.restore("pool:", "--to", pool.root / "srv/pool").err


def test_what_was_cut_off_goes_on(pool: Pool) -> None:
    to = pool.folder / "back"
    (to / "mail").mkdir(parents=True)
    (to / "mail/mine").write_text("mine")
    os.utime(to / "mail/mine", (1, 1))
    done = pool.restore("pool:", "--to", to)
    assert done.code == 6, "what was there was not looked at"
    assert f"mail: {to}/mail is there already, and was left alone" in done.out
    assert files(to / "mail") == ["mine"]
    assert "restored 2 of 3 items" in done.out
    shutil.rmtree(to / "mail")
    assert pool.restore("pool:", "--to", to).code == 6
    assert files(to) == EVERY


def test_items_of_odd_names_and_places_are_all_found(pool: Pool) -> None:
    """What looks like a generation is an item; below an item may lie another one's folder."""
    odd = "2026-01-01T00-00-00Z"
    for name in (odd, "new\nline"):
        subvolume(pool.root / "srv/pool" / name)
        pool.write(f"srv/pool/{name}/file", "odd")
    pool.edit('subvolumes: "*"}', 'subvolumes: "*", names: {photos: mail/photos}}')
    assert pool("apply").code == 0
    done = pool("run", "snaps", "files", "dbs", "offsite")
    assert done.code == 0, done.out + done.err
    to = pool.folder / "back"
    done = pool.restore("pool:", "--to", to)
    assert (to / odd / "file").read_text() == "odd"
    assert (to / "new\nline/file").read_text() == "odd"
    assert "from nas:" not in done.out, "the disk is nearer, and knows them all"
    assert "mail/photos: " in done.out


def test_what_has_no_copies_of_databases_is_told(pool: Pool) -> None:
    for folder in ("mnt/disk", "@nas.example.net/volume1/copies/all"):
        shutil.rmtree(pool.root / folder / "dbs/mail")
    done = pool.restore("pool:", "--databases", "--to", pool.folder / "databases")
    assert done.code == 6
    assert "mail: no verified copy of databases of it is there" in done.out
    assert "restored 2 of 3 items" in done.out
