"""Each generated runbook, its commands executed as printed, in the reference lab in miniature.

What is destroyed has to come back with the same checksums.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.integration.facts import sums
from tests.integration.lab import at
from tests.integration.miniature import (
    NOT_KEPT,
    PLACES,
    SERVERS,
    Lab,
    first_runs,
    machine,
    miniature,
    standing,
)
from tests.integration.sshd import Server, serving

pytestmark = [pytest.mark.root, pytest.mark.tool("rsync", "sshd", "unshare", "bash", "mkfs.btrfs")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "sshd") as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, server: Server) -> Iterator[Lab]:
    with standing(tmp_path, miniature(server, tmp_path / "nas")) as found:
        first_runs(found)
        yield found


def empty(folder: Path) -> None:
    for one in folder.iterdir():
        shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()


# ── A source ─────────────────────────────────────────────────────────────────────────────────


LOST = (
    ("nfs", b"/srv/nfs/nextcloud/file-1"),
    ("nfs", b"/srv/nfs/odd/back\\sl*sh"),
    ("nfs", b"/srv/nfs/immich/library"),
    ("nfs-ssd", b"/srv/nfs-ssd/ollama"),
    ("apps", b"/srv/apps/wiki/pages/file-0"),
    ("host", b"/srv/host/etc/pve/nodes"),
)


def test_law_28_a_file_or_a_directory(lab: Lab) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for source, lost in LOST:
        live = at(lab.seen(""), lost[1:])
        before = sums(live.parent)
        spoil(live)
        page = f"runbooks/{source}.md"
        lab.follow(page, "A file or a directory", LOST=lost, WHEN=now)
        assert sums(live.parent) == before
        here = lab.folder / "here"
        assert len(list(here.iterdir())) == 2, "the newest state, and that of then"
        for folder in here.iterdir():
            came = sums(folder)
            assert came
            assert came.items() <= before.items()
        empty(here)


def spoil(path: Path) -> None:
    if path.is_dir():
        empty(path)
        (path / "wrong").write_text("wrong")
    else:
        path.write_text("wrong")


def test_law_28_all_of_a_source(lab: Lab) -> None:
    for source in ("nfs", "nfs-ssd", "apps", "host"):
        top = lab.seen(f"srv/{source}")
        before = sums(top, without=NOT_KEPT)
        assert before
        empty(top)
        lab.follow(f"runbooks/{source}.md", f"All of {source}")
        assert sums(top, without=NOT_KEPT) == before
        assert not list(top.glob(".policyctl-restored*"))


def test_the_dumps_of_a_server_and_then_the_nas(lab: Lab) -> None:
    shutil.rmtree(lab.seen("srv/nfs/postgresql-backup"))
    lab.follow("runbooks/postgresql.md", "What postgresql-full has made of it")
    dump = lab.folder / "here/restored-postgresql-full/postgresql/all.sql"
    assert dump.read_text() == "rows of postgresql"
    lab.follow("runbooks/firewall.md", "What firewall-config has made of it")
    config = lab.folder / "here/restored-firewall-config/config.xml"
    assert config.read_text() == "<config>1</config>"
    shown = lab.said("policyctl restore firewall:config.xml --to ./once-more")
    assert "verified" not in shown, "what is there was verified, and nothing is said against it"
    nas = sums(lab.folder / "nas")
    empty(lab.folder / "nas")
    lab.follow("losses/synology.md", "Fill it anew")
    assert sums(lab.folder / "nas").keys() == nas.keys()


def test_law_28_a_volume(lab: Lab) -> None:
    live = lab.seen("srv/pool/films")
    before = sums(live)
    (snapshot,) = lab.seen("srv/pool/.policyctl-snapshots/films").iterdir()
    spoil(live / "data")
    page = "runbooks/pvcs.md"
    title = "A subvolume is spoilt: back to a snapshot of lvm-snapshots"
    lab.follow(page, title, ITEM="films", STATE=snapshot.name)
    assert sums(live) == before
    spoil(live / "data")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    filled = {"ITEM": "pvcs:films", "WHEN": now, "MOUNTED": "/srv/pool/films"}
    lab.follow(page, "Files of it, or all of them, from a copy", **filled)
    assert sums(live).items() >= {key: one for key, one in before.items() if key != b"data"}.items()
    assert sums(lab.folder / "here/restored-from-sda/films") == before


# ── A destination ────────────────────────────────────────────────────────────────────────────


def test_the_disk_is_lost(lab: Lab) -> None:
    nas = sums(lab.folder / "nas")
    disk = sums(lab.seen("mnt/backup"))
    lab.space("umount", "/mnt/backup")
    lab.space("mount", "-t", "tmpfs", "tmpfs", "/mnt/backup")
    lab.follow("losses/sda.md", "Fill it anew")
    assert disk.keys() <= sums(lab.seen("mnt/backup")).keys(), "generations are there again"
    assert nas.keys() <= sums(lab.folder / "nas").keys(), "nothing was carried on that is nothing"


# ── The host ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def gone(lab: Lab) -> dict[str, dict[bytes, str]]:
    """The host is lost, and another machine stands in its place; the NAS is left."""
    before = {
        name: sums(lab.seen(f"srv/{name}"), without=NOT_KEPT)
        for name in ("nfs", "nfs-ssd", "apps", "host")
    }
    lab.space("umount", "/mnt/backup")
    lab.space("umount", "/srv/pool")
    for place in reversed(PLACES):
        lab.space("umount", place)
    machine(lab)
    return before


def test_only_the_nas_is_left_and_mounted(lab: Lab, gone: dict[str, dict[bytes, str]]) -> None:
    lab.space("mount", "--bind", lab.folder / "nas", "/mnt/found")
    lab.seen("etc/policyctl/backup-policy.yaml").unlink()
    title = "From synology, mounted somewhere"
    lab.follow("host-lost.md", title, FOUND="/mnt/found")
    came_back(lab, gone)


def test_only_the_nas_is_left_over_ssh_and_then_a_host_again(
    lab: Lab, gone: dict[str, dict[bytes, str]]
) -> None:
    (lab.folder / "here/backup-policy.yaml").write_text(lab.text)
    lab.follow("host-lost.md", "From synology, over SSH")
    came_back(lab, gone)
    for name in gone:
        put_back(lab, name)
    lab.follow("host-lost.md", "A host in its place")
    lab.follow("host-lost.md", "The first passes")
    lab.follow("host-lost.md", "What lies in synology:/pve-backup", ENTRY="odd")
    lab.follow("host-lost.md", "What lies in synology:/nfs", ENTRY="immich")
    for name, before in gone.items():
        assert sums(lab.seen(f"srv/{name}"), without=NOT_KEPT) == before


def test_only_the_disk_is_left(lab: Lab) -> None:
    nfs = sums(lab.seen("srv/nfs"), without=(*NOT_KEPT, "immich"))
    lab.space("umount", "/srv/pool")
    for place in ("/var/lib", "/srv"):
        lab.space("umount", place)
        lab.space("mount", "-t", "tmpfs", "tmpfs", place)
    lab.space("mount", "--bind", "/mnt/backup", "/mnt/found")
    title = "From sda, mounted somewhere"
    lab.follow("host-lost.md", title, FOUND="/mnt/found")
    here = lab.folder / "here"
    assert sums(here / "srv-nfs/nfs") == nfs
    shutil.copytree(here / "srv-nfs/nfs", lab.seen("srv/nfs"), symlinks=True)
    shutil.copytree(here / "srv-host-etc-pve/pve", lab.seen("srv/host/etc/pve"))
    shutil.copytree(here / "srv-host-usr-local-bin/bin", lab.seen("srv/host/usr/local/bin"))
    lab.space("mkdir", "/srv/nfs-ssd", "/srv/apps", "/srv/pool")
    lab.space("mount", "--bind", lab.folder / "pool", "/srv/pool")
    lab.follow("host-lost.md", "A host in its place")
    lab.follow("host-lost.md", "The copies at sda are still there")
    lab.policyctl("run", "sda-mirror", "host-config", "--full")
    assert (
        sums(lab.seen("mnt/backup")).items()
        >= {key: one for key, one in nfs.items() if one != "directory"}.items()
    )


def came_back(lab: Lab, gone: dict[str, dict[bytes, str]]) -> None:
    here = lab.folder / "here"
    found = sums(here / "srv-nfs/nfs")
    found |= {b"immich": "directory"}
    found |= {b"immich/" + key: one for key, one in sums(here / "srv-nfs-immich/immich").items()}
    assert found == gone["nfs"]
    assert sums(here / "srv-nfs-ssd/nfs-ssd") == gone["nfs-ssd"]
    assert sums(here / "srv-apps/apps") == gone["apps"]
    for name in SERVERS:
        assert (here / name / name / "all.sql").read_text() == f"rows of {name}"
    assert (here / "firewall-config-xml/config.xml").read_text() == "<config>1</config>"
    films = sums(lab.folder / "pool/films")
    assert sums(here / "pvcs/films") == films
    databases = sums(here / "pvcs-databases/films")
    assert set(databases) == {b"data", b"data/library.db"}, "as SQLite has copied them"
    pve = {key[8:]: one for key, one in gone["host"].items() if key.startswith(b"etc/pve/")}
    assert sums(here / "srv-host-etc-pve/pve") == pve


def put_back(lab: Lab, name: str) -> None:
    """What a person does by hand."""
    here, live = lab.folder / "here", lab.seen(f"srv/{name}")
    parts = {
        "nfs": {"srv-nfs/nfs": "", "srv-nfs-immich/immich": "immich"},
        "nfs-ssd": {"srv-nfs-ssd/nfs-ssd": ""},
        "apps": {"srv-apps/apps": ""},
        "host": {
            "srv-host-etc-pve/pve": "etc/pve",
            "srv-host-usr-local-bin/bin": "usr/local/bin",
        },
    }[name]
    for came, place in parts.items():
        shutil.copytree(here / came, live / place, symlinks=True, dirs_exist_ok=True)
