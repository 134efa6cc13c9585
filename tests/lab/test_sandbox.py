"""The sandbox of a leg's service shows what the leg needs, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.lab.homelab import REFERENCE, Homelab

pytestmark = [pytest.mark.lab, pytest.mark.root]

OWN = """\
version: 1
host: pve
timezone: UTC
destinations:
  disk: {path: /mnt/backup, mount: required, media: hdd, site: home}
sources:
  home: {kind: tree, path: /home/alice}
legs:
  nightly:
    kind: mirror
    to: "disk:/"
    schedule: "02:00"
    timeout: 5m
    preserve: [times, perms, owner, hardlinks]
routes:
  /home/alice: nightly
"""
"""A source that sandboxes like to hide, with a mount in it."""


def reach(homelab: Homelab, leg: str, *paths: str) -> dict[str, str]:
    """What of some paths the leg's service may do: `r`, `w`, both or nothing."""
    lab = homelab.machine
    unit = f"policyctl-{leg}.service"
    words = " ".join(paths)
    lab.write(
        f"/etc/systemd/system/{unit}.d/reach.conf",
        f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -m tests.lab.inside reach {words}\n",
    )
    lab.systemctl("daemon-reload")
    lab.systemctl("start", unit)
    (line,) = [line for line in lab.journal(unit) if line.startswith("{")]
    return dict(json.loads(line))


def test_a_service_reaches_its_source_its_disk_and_nothing_else(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    lab.write("/home/alice/secret", "canary", mode="600")
    lab.write("/srv/nfs/closed", "of another", mode="000")
    assert reach(
        homelab,
        "sda-mirror",
        *("/srv/nfs/nextcloud/file-0.txt", "/srv/nfs/closed", "/srv/nfs", "/mnt/backup"),
        *("/var/lib/policyctl", "/usr/bin/rsync", "/usr/bin", "/etc/passwd"),
        *("/srv/nfs-ssd/immich/thumbs/thumb.webp", "/etc/shadow", "/root/.ssh/id_ed25519"),
        *("/home/alice/secret", "/etc/pve/storage.cfg", "/volume1/Backup/lab", "/"),
    ) == {
        "/srv/nfs/nextcloud/file-0.txt": "r",
        "/srv/nfs/closed": "r",
        "/srv/nfs": "r",
        "/mnt/backup": "rw",
        "/var/lib/policyctl": "rw",
        "/usr/bin/rsync": "r",
        "/usr/bin": "r",
        "/etc/passwd": "r",
        "/srv/nfs-ssd/immich/thumbs/thumb.webp": "",
        "/etc/shadow": "",
        "/root/.ssh/id_ed25519": "",
        "/home/alice/secret": "",
        "/etc/pve/storage.cfg": "",
        "/volume1/Backup/lab": "",
        "/": "r",
    }


def test_a_leg_over_ssh_reaches_its_key_and_no_disk(homelab: Homelab) -> None:
    homelab.apply(REFERENCE)
    assert reach(
        homelab,
        "synology-direct",
        *("/root/.ssh/id_ed25519", "/root/.ssh", "/srv/nfs-ssd/immich/thumbs/thumb.webp"),
        *("/mnt/backup", "/etc/shadow", "/etc/ssh/ssh_host_ed25519_key"),
    ) == {
        "/root/.ssh/id_ed25519": "r",
        "/root/.ssh": "r",
        "/srv/nfs-ssd/immich/thumbs/thumb.webp": "r",
        "/mnt/backup": "",
        "/etc/shadow": "",
        "/etc/ssh/ssh_host_ed25519_key": "",
    }


def test_every_leg_of_the_reference_runs_in_its_sandbox(homelab: Homelab) -> None:
    lab = homelab.machine
    homelab.apply(REFERENCE)
    nas = "/volume1/Backup/lab"
    for leg in ("sda-mirror", "host-config", "synology-direct", "offsite"):
        lab.systemctl("start", f"policyctl-{leg}.service", code=None)
        assert homelab.ended(leg) == "success", lab.journal(f"policyctl-{leg}.service")
    assert homelab.differences("/srv/nfs/odd", "/mnt/backup/odd") == {}
    assert homelab.differences("/etc/pve", "/mnt/backup/pve-config/etc/pve") == {}
    for live, copy in (
        ("/srv/nfs/immich", f"{nas}/nfs/immich"),
        ("/srv/nfs-ssd/immich", f"{nas}/nfs-ssd/immich"),
        ("/srv/nfs/nextcloud", f"{nas}/pve-backup/nextcloud"),
    ):
        assert lab.run("diff", "--recursive", live, copy).out == ""
    status = lab.policyctl("status", "--json").json
    assert status["healthy"], status["summary"]


def test_a_source_in_home_with_a_mount_below_is_copied_as_it_is_without(homelab: Homelab) -> None:
    """What a run by hand copies of it, a run in the sandbox does."""
    lab = homelab.machine
    lab.run("python3", "-m", "tests.lab.inside", "odd", "/home/alice/odd")
    lab.run("mkdir", "-p", "/home/alice/mounted")
    lab.run("mount", "-t", "tmpfs", "none", "/home/alice/mounted")
    lab.run("touch", "/home/alice/mounted/below")
    homelab.apply(OWN)
    lab.systemctl("start", "policyctl-nightly.service", code=None)
    assert homelab.ended("nightly") == "success", lab.journal("policyctl-nightly.service")
    assert homelab.differences("/home/alice/odd", "/mnt/backup/odd") == {}
    in_sandbox = lab.run("find", "/mnt/backup", "-printf", "%P %m %u\\n").out
    by_hand = lab.policyctl("run", "nightly", "--full", "--json").json
    assert [feed["files"] for feed in by_hand["feeds"]] == [0]
    assert [feed["deleted"] for feed in by_hand["feeds"]] == [0]
    assert lab.run("find", "/mnt/backup", "-printf", "%P %m %u\\n").out == in_sandbox
