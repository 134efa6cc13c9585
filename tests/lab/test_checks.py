"""Checks under a real systemd: in their sandboxes, with the credentials that it hands on."""

from __future__ import annotations

import pytest

from tests.lab.homelab import MANIFEST, REFERENCE, Homelab
from tests.lab.test_sandbox import reach

pytestmark = [pytest.mark.lab, pytest.mark.root]
SERVER = """\
import http.server

class Closed(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        all_of_them = [self.headers[one] for one in ("X-Token", "X-Odd", "X-Other")]
        good = all_of_them == ["canary-9e1f", "canary-odd", "canary-other"]
        self.send_response(200 if good else 401)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", 8080), Closed).serve_forever()
"""
ADDRESS = "http://127.0.0.1:8080/"
MOUNT = "[Mount]\nWhat=vault\nWhere=/srv/vault\nType=tmpfs\n"
VAULT = """\
import sqlite3
with sqlite3.connect("/srv/vault/db") as one:
    one.execute("PRAGMA journal_mode = wal")
    one.execute("CREATE TABLE t (x)")
"""
SECRET = "exit status 243, the file of a secret, or a credential, cannot be read"
QUOTE = "'"
ODD = '/etc/secrets/50% of \\x41:{b} "$HOME" \'é'
CHECKS = """\
  dumps: {kind: freshness, path: "/srv/nfs/*", newer_than: 900d, schedule: hourly}
  vault: {kind: sqlite-integrity, source: files, schedule: hourly}
  web:
    kind: http
    url: "http://127.0.0.1:8080/"
    headers:
      X-Token: {file: /etc/secrets/token}
      X-Odd: {file: 'ODD'}
      X-Other: {credential: other}
    schedule: hourly
  raid: {kind: command, run: [/usr/bin/grep, -q, root, /etc/shadow], schedule: hourly}
"""
LOOKS = CHECKS.replace("ODD", ODD.replace(QUOTE, 2 * QUOTE))
SOURCES = """\
  files: {kind: tree, path: /srv/vault, media: hdd, site: home}
"""
POLICY = (
    REFERENCE.replace("\nsources:\n", f"\nsources:\n{SOURCES}", 1)
    .replace("\nchecks:\n", f"\nchecks:\n{LOOKS}", 1)
    .replace("\nroutes:\n", '\nroutes:\n  /srv/vault: {none: "only looked at"}\n', 1)
)


@pytest.fixture
def checked(homelab: Homelab) -> Homelab:
    lab = homelab.machine
    # On the machine's own overlay a file is of another device than its directory.
    lab.write("/etc/systemd/system/srv-vault.mount", MOUNT)
    lab.systemctl("daemon-reload")
    lab.systemctl("start", "srv-vault.mount")
    lab.run("python3", "-", text=VAULT)
    lab.write("/etc/secrets/token", "canary-9e1f\n", mode="600")
    lab.write(ODD, "canary-odd\n", mode="600")
    lab.write("/etc/credstore/other", "canary-other\n", mode="600")
    lab.write("/root/server.py", SERVER)
    lab.run("systemd-run", "--unit=closed", "python3", "/root/server.py")
    homelab.apply(POLICY)
    return homelab


def look(homelab: Homelab, check: str) -> tuple[str, list[str]]:
    """Start a check's service; how it ended, and what it said."""
    unit = f"policyctl-check-{check}.service"
    homelab.machine.systemctl("start", unit, code=None)
    return homelab.ended(f"check-{check}"), homelab.machine.journal(unit)


def test_each_kind_looks_from_its_sandbox_and_tells(checked: Homelab) -> None:
    lab = checked.machine
    lab.wait("somebody answers", lambda: lab.run("curl", "-s", ADDRESS, code=None).code == 0)
    for check in ("dumps", "vault", "web", "raid"):
        assert look(checked, check) == ("success", []), check
    found = lab.run("curl", "--silent", "http://127.0.0.1:9091/metrics").out
    for check in ("dumps", "vault", "web", "raid"):
        (line,) = [
            line
            for line in found.splitlines()
            if line.startswith("policyctl_check_status{")
            and f'check="{check}"' in line
            and 'status="ok"' in line
        ]
        assert line.endswith(" 1"), line
    assert "canary" not in lab.run("journalctl", "--no-pager").out
    timers = lab.systemctl("list-timers", "--all", "--plain", "--no-legend")
    assert {f"policyctl-check-{one}.timer" for one in ("dumps", "vault", "web", "raid")} <= set(
        timers.split()
    )


def test_what_is_not_well_is_said_as_an_error(checked: Homelab) -> None:
    lab = checked.machine
    lab.write("/etc/secrets/token", "another\n", mode="600")
    ended, said = look(checked, "web")
    assert ended == "exit-code"
    assert said == ["web: failed: http://127.0.0.1:8080/ answers 401 Unauthorized"]
    status = lab.policyctl("status", code=5).out
    assert "the check web is failing" in status
    # systemd itself reads the file, and starts nothing without it.
    lab.run("rm", "/etc/secrets/token")
    assert look(checked, "web")[0] == "exit-code"
    lab.wait("it is told", lambda: SECRET in lab.policyctl("status", code=5).out)


def test_a_look_sees_what_it_looks_at_and_no_secret(checked: Homelab) -> None:
    web = ("/etc/secrets/token", "/etc/credstore/other", "/etc/shadow", "/srv/nfs", "/srv/vault")
    assert set(reach(checked, "check-web", *web).values()) == {""}
    dumps = ("/srv/nfs", "/srv/nfs/closed", "/mnt/backup", "/srv/vault", MANIFEST)
    assert reach(checked, "check-dumps", *dumps) == {
        "/srv/nfs": "r",
        "/srv/nfs/closed": "",
        "/mnt/backup": "",
        "/srv/vault": "",
        MANIFEST: "",
    }
    assert reach(checked, "check-vault", "/srv/vault", "/srv/nfs") == {
        "/srv/vault": "rw",
        "/srv/nfs": "",
    }
