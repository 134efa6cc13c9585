"""`policyctl restore --order`: what comes first when all is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.test_cli import Machine, policyctl

pytestmark = pytest.mark.tool("rsync")

HOUSE = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas:
    ssh: backup@nas.example.net
    path: /volume1/copies
    media: nas
    site: office
    key: /srv/data/a/nas key
sources:
  data: {kind: tree, path: /srv/data}
  archive:
    kind: tree
    path: /srv/archive
    needs: [data, {secret: its passphrase, kept: in the safe}]
legs:
  nightly: {kind: mirror, to: "disk:/{source}", schedule: "02:00", timeout: 5m}
  direct: {kind: mirror, to: "nas:/{source}", schedule: "04:00", timeout: 5m}
routes:
  /srv/data: nightly
  /srv/data/big: direct
  /srv/archive: nightly
"""
ORDER = """\
  1  disk     open it
  2  nas      open it
              with /srv/data/a/nas key (out of data, by itself: \
`policyctl restore '/srv/data/a/nas key'{root}`)
  3  data     restore it from disk and nas: each has a part of it
  4  archive  restore it from disk
              with its passphrase (kept: in the safe)
              after data
"""


def test_of_a_manifest(tmp_path: Path) -> None:
    machine = Machine(tmp_path, HOUSE)
    done = machine("restore", "--order")
    assert done.code == 0, done.err
    assert done.out == ORDER.format(root=f" --root {machine.root}")


def test_of_what_is_applied_and_of_what_lies_beside_copies(tmp_path: Path) -> None:
    machine = Machine(tmp_path, HOUSE)
    machine.write("srv/data/a/nas key", "key")
    assert machine("apply").code == 0
    assert machine("run", "nightly").code == 0
    done = policyctl("restore", "--order", "--root", str(machine.root), cwd=tmp_path)
    assert done.out == ORDER.format(root=f" --root {machine.root}")
    found = tmp_path / "found"
    shutil.copytree(machine.root / "mnt/disk", found)
    shutil.rmtree(machine.root)
    done = policyctl("restore", "--at", str(found), "--order", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.out == ORDER.format(root="")


def test_as_json(tmp_path: Path) -> None:
    done = Machine(tmp_path, HOUSE)("restore", "--order", "--json")
    assert [one["name"] for one in done.json["order"]] == ["disk", "nas", "data", "archive"]
    assert done.json["order"][1]["waits_for"] == [
        {"path": "/srv/data/a/nas key", "kept": None, "out_of": "data", "by_itself": True}
    ]
    assert done.json["order"][2]["parts_from"] == ["disk", "nas"]
    assert done.json["circles"] == []


def test_a_circle_is_told_and_ends_with_5(tmp_path: Path) -> None:
    machine = Machine(
        tmp_path, HOUSE.replace("path: /srv/data}", "path: /srv/data, needs: [archive]}")
    )
    done = machine("restore", "--order")
    assert done.code == 5
    assert "archive → data → archive: no order begins this" in done.out
    assert machine("check").code == 3
    assert machine("restore", "--order", "--json").json["circles"][0][0]["waits_for"] == "data"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a path"),
        (["/srv/data", "--order"], "leave out the path"),
        (["--order", "--in-place"], "only tell"),
    ],
)
def test_what_is_asked_wrongly(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = Machine(tmp_path, HOUSE)("restore", *arguments)
    assert done.code == 2
    assert said in " ".join(done.err.split())
