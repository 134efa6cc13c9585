"""The reference lab in miniature, at the very paths of its manifest, and what stands in it.

It lies in a mount namespace of its own; its NAS is a real sshd.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.compile import compile_policy
from policy.parse import load
from renderers.docs import render_docs
from tests.databases import make
from tests.integration.btrfs import mounted_btrfs, subvolume
from tests.integration.lab import HOSTILE, at
from tests.integration.mounts import CHECKOUT, MountNamespace, mount_namespace
from tests.integration.sshd import Server
from tests.runbooks import Typed, script, sections
from tests.strategies import REFERENCE

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


def miniature(server: Server, nas: Path, **served: dict[str, Any]) -> str:
    """The reference manifest on this machine, where nobody is told.

    `served` are the sources of servers that are there.
    """
    lab = on_one_host()
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
        lab["sources"][name] = served.get(name, {"kind": "command", "site": "home", **says})
        if name not in served:
            for leg in lab["legs"].values():
                if leg.get("from") == name:
                    leg.pop("per", None)
    del lab["checks"], lab["monitoring"], lab["sources"]["pvcs"]["needs"]
    lab["sources"]["host"]["paths"] = ["/srv/host/etc/pve", "/srv/host/usr/local/bin"]
    return json.dumps(lab)


def on_one_host() -> dict[str, Any]:
    """The reference manifest without a cluster: its host makes the dumps, of servers to be named.

    Its volumes are subvolumes, and one tree more has generations of its own.
    """
    lab: dict[str, Any] = yaml.safe_load(REFERENCE.read_text())
    for one in (*lab["legs"].values(), *lab["checks"].values()):
        one.pop("runner", None)
    volumes = lab["sources"]["pvcs"]
    kept = {key: volumes[key] for key in ("media", "site", "needs")}
    lab["sources"]["pvcs"] = {"kind": "btrfs", "path": "/srv/pool", "subvolumes": "*", **kept}
    lab["sources"]["apps"] = {"kind": "tree", "path": "/srv/apps", "media": "ssd", "site": "home"}
    week = {"schedule": "05:00", "keep": {"weekly": 4}, "timeout": "1h"}
    lab["legs"]["app-files"] = {"kind": "versions", "to": "sda:/apps", **week}
    lab["legs"]["offsite"]["after"].append("app-files")
    lab["routes"]["/srv/apps"] = "app-files"
    return lab


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

    def said(self, line: str) -> str:
        """What a line prints, which has to end well."""
        told = self.folder / "said"
        self.type([f"{line} >{told}"])
        return told.read_text()

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


@contextmanager
def standing(folder: Path, text: str) -> Iterator[Lab]:
    """The lab with this manifest, on its machine and filled; nothing is applied."""
    for name in ("programs", "here", "nas"):
        (folder / name).mkdir()
    program = folder / "programs/policyctl"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec {sys.executable} -m policyctl.main "$@"\n'
    )
    program.chmod(0o755)
    with mounted_btrfs(folder, folder / "pool"), mount_namespace() as space:
        for name in ("films", "dbaas"):
            subvolume(folder / "pool" / name)
            (folder / "pool" / name / "data").mkdir()
            (folder / "pool" / name / "data/file").write_text(f"of {name}")
        make(folder / "pool/films/data/library.db")
        found = Lab(folder, space, text)
        machine(found)
        fill(found.seen(""))
        _, policy = load(text.encode(), "lab.yaml")
        pages = render_docs(compile_policy(policy))
        found.pages = {one.path: one.content.decode() for one in pages}
        yield found


def first_runs(lab: Lab) -> None:
    """Have it applied, and every leg run once, each after those that it reads."""
    lab.policyctl("apply")
    lab.policyctl("run", "lvm-snapshots", "pvc-files", "sqlite-copies", "app-files")
    lab.policyctl("run", "firewall-config", "firewall-system", *DUMPS)
    lab.policyctl("run", "sda-mirror", "host-config", "synology-direct")
    lab.policyctl("run", "offsite")


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
