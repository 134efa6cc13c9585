"""Each generated runbook, its commands executed as printed, in the reference lab in miniature.

The lab lies at the very paths of its manifest, in a mount namespace of its own; its NAS is a real
sshd. What is destroyed has to come back with the same checksums.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from engine.compile import compile_policy
from policy.parse import load
from renderers.docs import render_docs
from tests.databases import make
from tests.integration.btrfs import mounted_btrfs, subvolume
from tests.integration.lab import HOSTILE, at
from tests.integration.mounts import CHECKOUT, MountNamespace, mount_namespace
from tests.integration.sshd import Server, serving
from tests.runbooks import Typed, script, sections
from tests.strategies import REFERENCE

pytestmark = [pytest.mark.root, pytest.mark.tool("rsync", "sshd", "unshare", "bash", "mkfs.btrfs")]

PLACES = (
    *("/var/lib", "/run", "/srv", "/mnt", "/etc/systemd/system", "/etc/sysctl.d"),
    *("/etc/udev/rules.d", "/etc/policyctl"),
)
NOT_KEPT = ("frigate", "temp", "old-photos")
SOURCES = ("srv/nfs", "srv/nfs-ssd", "srv/host")
SERVERS = ("etcd", "mysql", "postgresql", "redis", "vault", "vaultwarden")
DUMPS = (
    *("etcd-snapshot", "mysql-full", "mysql-per-db", "postgresql-full", "postgresql-per-db"),
    *("redis-snapshot", "vault-snapshot", "vaultwarden-copy"),
)


def miniature(server: Server, nas: Path) -> str:
    """The reference manifest on this machine: its volumes are subvolumes, and nobody is told.

    One tree more has generations of its own.
    """
    lab = yaml.safe_load(REFERENCE.read_text())
    lab["host"] = socket.gethostname()
    there = yaml.safe_load(f"{{{server.yaml()}}}")
    lab["destinations"]["synology"].update(there, path=str(nas))
    lab["sources"]["firewall"].update(there)
    lab["legs"]["firewall-config"]["files"] = {"config.xml": ["printf", "<config>1</config>"]}
    archive = ["tar", "czf", "-", "-C", "/etc", "hosts"]
    lab["legs"]["firewall-system"]["files"] = {"full.tar.gz": archive}
    for name in SERVERS:
        # No server is there: a program says what one would.
        says = {"run": ["printf", f"rows of {name}"], "file": "all.sql"}
        lab["sources"][name] = {"kind": "command", "site": "home", **says}
    for leg in lab["legs"].values():
        if leg["kind"] == "dump":
            del leg["runner"]
            leg.pop("per", None)
    del lab["checks"], lab["monitoring"]
    place = {"media": "thin-pool", "site": "home"}
    lab["sources"]["pvcs"] = {"kind": "btrfs", "path": "/srv/pool", "subvolumes": "*", **place}
    lab["sources"]["host"]["paths"] = ["/srv/host/etc/pve", "/srv/host/usr/local/bin"]
    lab["sources"]["apps"] = {"kind": "tree", "path": "/srv/apps", "media": "ssd", "site": "home"}
    week = {"schedule": "05:00", "keep": {"weekly": 4}, "timeout": "1h"}
    lab["legs"]["app-files"] = {"kind": "versions", "to": "sda:/apps", **week}
    lab["legs"]["offsite"]["after"].append("app-files")
    lab["routes"]["/srv/apps"] = "app-files"
    return json.dumps(lab)


@dataclass
class Lab:
    """The lab, its pages, and what there was before anything was lost."""

    folder: Path
    space: MountNamespace
    text: str
    pages: dict[str, str] = field(default_factory=dict)

    def seen(self, path: str) -> Path:
        """A path in there, from outside."""
        return self.space.seen(Path("/") / path)

    def policyctl(self, *words: str) -> None:
        done = self.type([" ".join(["policyctl", *words])])
        assert done == [0], words

    def type(self, lines: list[str], *, fails: str = "") -> list[int]:
        """Type lines into one shell; the code of each, which has to be 0 unless it may fail."""
        told = self.folder / "codes"
        told.write_text("")
        body = "".join(f"{line}\necho $? >>{told}\n" for line in lines)
        done = subprocess.run(
            [*self.space.prefix(), "bash", "-c", f"cd {self.folder}/here && {body}"],
            env={**os.environ, "PATH": f"{self.folder}/programs{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        codes = [int(code) for code in told.read_text().split()]
        assert "Traceback" not in done.stderr, done.stderr
        assert len(codes) == len(lines), (lines, done.stdout, done.stderr)
        bad = [
            line
            for line, code in zip(lines, codes, strict=True)
            if code and not (fails and line.startswith(fails))
        ]
        assert bad == [], f"{bad}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return codes

    def follow(self, page: str, title: str, **filled: bytes | str) -> list[int]:
        """Do what a section says."""
        typed: list[Typed] = sections(self.pages[page])[title]
        assert typed, (page, title)
        return self.type(script(typed, filled), fails="policyctl status")


def sums(folder: Path, *, without: tuple[str, ...] = ()) -> dict[bytes, str]:
    """The checksum, or what else it is, of everything in a folder, and when it was changed."""
    found: dict[bytes, str] = {}
    for top, directories, files in os.walk(folder):
        for path in (Path(top, name) for name in (*directories, *files)):
            names = path.relative_to(folder).parts
            if names[0] in without or any(name.startswith(".policyctl-") for name in names):
                continue
            found[os.fsencode(path.relative_to(folder))] = _sum(path)
    return found


def _sum(path: Path) -> str:
    if path.is_symlink():
        return f"→ {path.readlink()}"
    if path.is_file():
        return f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
    return "directory"


def fill(root: Path) -> None:
    """Live data, odd names among them."""
    chance = random.Random(7)
    for place in (
        *("srv/nfs/nextcloud", "srv/nfs/postgresql-backup/2026-11-28", "srv/nfs/immich/library"),
        *("srv/nfs/frigate", "srv/nfs-ssd/immich", "srv/nfs-ssd/ollama", "srv/apps/wiki/pages"),
        *("srv/host/etc/pve/nodes", "srv/host/usr/local/bin"),
    ):
        for number in range(4):
            path = root / place / f"file-{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.randbytes(chance.randrange(1, 3000)))
    for name in HOSTILE:
        path = at(root, b"srv/nfs/odd", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    (root / "srv/nfs/odd/link").symlink_to("../nextcloud")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "sshd") as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, server: Server) -> Iterator[Lab]:
    for name in ("programs", "here", "nas"):
        (tmp_path / name).mkdir()
    program = tmp_path / "programs/policyctl"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec {sys.executable} -m policyctl.main "$@"\n'
    )
    program.chmod(0o755)
    with mounted_btrfs(tmp_path, tmp_path / "pool"), mount_namespace() as space:
        for name in ("films", "dbaas"):
            subvolume(tmp_path / "pool" / name)
            (tmp_path / "pool" / name / "data").mkdir()
            (tmp_path / "pool" / name / "data/file").write_text(f"of {name}")
        make(tmp_path / "pool/films/data/library.db")
        found = Lab(tmp_path, space, miniature(server, tmp_path / "nas"))
        machine(found)
        fill(found.seen(""))
        _, policy = load(found.text.encode(), "lab.yaml")
        pages = render_docs(compile_policy(policy))
        found.pages = {one.path: one.content.decode() for one in pages}
        found.policyctl("apply")
        found.policyctl("run", "lvm-snapshots", "pvc-files", "sqlite-copies", "app-files")
        found.policyctl("run", "firewall-config", "firewall-system", *DUMPS)
        found.policyctl("run", "sda-mirror", "host-config", "synology-direct")
        found.policyctl("run", "offsite")
        yield found


def machine(lab: Lab) -> None:
    """An empty machine with the manifest, and the disk."""
    for place in PLACES:
        lab.space("mkdir", "-p", place)
        lab.space("mount", "-t", "tmpfs", "tmpfs", place)
    lab.space("mkdir", "-p", "/mnt/backup", "/mnt/found", "/srv/pool")
    lab.space("mkdir", "-p", "/srv/nfs", "/srv/nfs-ssd", "/srv/apps")
    lab.space("mount", "--bind", lab.folder / "pool", "/srv/pool")
    lab.space("mount", "-t", "tmpfs", "tmpfs", "/mnt/backup")
    lab.seen("etc/policyctl/backup-policy.yaml").write_text(lab.text)


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
