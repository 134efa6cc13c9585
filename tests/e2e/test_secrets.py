"""Secrets planted as canaries: none of them is ever found where it does not belong (law 22)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.test_cli import CHECKOUT, MANIFEST, Done
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "ssh")
FILE, NETRC, VARIABLE, KEY, URL, TOKEN = (
    f"canary-{name}-7f3a91c2" for name in ("file", "netrc", "variable", "key", "url", "token")
)
CANARIES = tuple(one.encode() for one in (FILE, NETRC, VARIABLE, KEY, URL, TOKEN))
CHECKS = """\
checks:
  cloud:
    kind: http
    url: "http://127.0.0.1:9/closed"
    headers:
      Authorization: {file: /etc/policyctl/secrets/token}
      X-Key: {variable: BACKUP_PASSWORD}
    schedule: hourly
"""
WATCH = """\
#!/bin/sh
{{ cat /proc/[0-9]*/cmdline; env; }} >> {log} 2>/dev/null
exec {real} "$@"
"""
"""Notes what any user sees of all processes, and the environment that it was given itself."""


@dataclass
class Secretive:
    """A staged machine that is full of secrets, and all that its commands say."""

    folder: Path
    said: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.folder / "root"
        self.manifest = self.folder / "backup-policy.yaml"
        self.processes = self.folder / "processes"
        self.tools = watching_tools(self.folder / "bin", self.processes)
        self.key = self.root / "etc/policyctl/keys/nas"
        for place in ("mnt/disk", "@nas.example.net/volume1/copies", "srv/archive"):
            (self.root / place).mkdir(parents=True)
        for path, text in (
            ("srv/data/vault/passwords", FILE),
            ("srv/data/big/film", "no secret"),
            ("etc/policyctl/keys/nas", f"-----BEGIN KEY-----\n{KEY}\n"),
            ("etc/policyctl/secrets/token", TOKEN),
            ("root/.netrc", f"machine 127.0.0.1 login me password {NETRC}"),
        ):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        (self.root / "etc/policyctl/secrets/token").chmod(0o600)
        key = f"nas.example.net, key: {self.key}"
        told = "monitoring: {textfile: /var/lib/node-exporter, pushgateway: 'http://127.0.0.1:9'}\n"
        self.manifest.write_text(MANIFEST.replace("nas.example.net", key, 1) + told + CHECKS)

    def __call__(self, verb: str, *words: str, code: int = 0) -> Done:
        variables = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT),
            "HOME": str(self.root / "root"),
            "BACKUP_PASSWORD": VARIABLE,
        }
        command = [sys.executable, "-m", "policyctl.main", verb, "--root", str(self.root), *words]
        done = subprocess.run(command, env=variables, capture_output=True, check=False)
        self.said += [done.stdout, done.stderr]
        assert done.returncode == code, done.stderr
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def watching_tools(folder: Path, log: Path) -> Path:
    """Put an rsync and an ssh before the real ones that note what all processes show."""
    folder.mkdir()
    for name in ("rsync", "ssh"):
        program = folder / name
        program.write_text(WATCH.format(log=log, real=shutil.which(name)))
        program.chmod(0o755)
    return folder


def holding(folder: Path, *canaries: bytes) -> set[str]:
    """The files below a folder that hold any of the canaries."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(one.relative_to(folder))
        for one in files
        if any(canary in one.read_bytes() for canary in canaries)
    }


@pytest.fixture
def machine(tmp_path: Path) -> Secretive:
    return Secretive(tmp_path)


def test_law_22_no_command_writes_or_says_a_secret(machine: Secretive) -> None:
    policy = ("-p", str(machine.manifest))
    machine("check", *policy, "--with-rsync")
    machine("check", *policy, "--json")
    machine("plan", *policy)
    machine("apply", *policy)
    for words in (("nightly", "--explain"), ("nightly", "-v"), ("direct", "--json"), ("--all",)):
        machine("run", *words)
    assert "does not answer" in machine("probe", "cloud", code=5).out, "with its secrets read"
    machine("probe", "--json", code=5)
    machine("pause", "nightly", "--until", "3d", "--because", "new disk")
    machine("status", *policy, code=5)  # nobody answers the check
    machine("status", *policy, "--json", code=5)
    machine("resume", "nightly")
    machine("show", "plan", *policy)
    machine("show", "files", *policy)
    machine("explain", *policy, "/srv/data/vault/passwords", "--json")
    shutil.rmtree(machine.root / "srv/data/big")
    (machine.root / "mnt/disk").rename(machine.root / "mnt/away")
    machine("run", "nightly", code=5)
    (machine.root / "mnt/away").rename(machine.root / "mnt/disk")
    state = {one.name for one in (machine.root / "var/lib/policyctl").iterdir()}
    assert {"plan.json", "applied.json", "manifest.json", "state.db", "journal.db"} <= state
    assert (machine.root / "var/lib/node-exporter/policyctl-nightly.prom").exists()
    assert (machine.root / "mnt/disk/.policyctl-plan.json").exists(), "beside the copies as well"
    assert holding(machine.root, *CANARIES) == {
        "srv/data/vault/passwords",
        "mnt/disk/vault/passwords",
        "etc/policyctl/keys/nas",
        "etc/policyctl/secrets/token",
        "root/.netrc",
    }, "where they were, the copy, and nowhere else"
    said = b"".join(machine.said)
    assert str(machine.key).encode() in said, "where the key lies is no secret"
    assert [one for one in CANARIES if one in said] == []
    seen = machine.processes.read_bytes()
    assert b"--filter=merge" in seen, "the runs were watched"
    assert [one for one in CANARIES if one in seen] == [], "nor does rsync inherit it"


def test_law_22_a_password_in_a_url_goes_nowhere(machine: Secretive) -> None:
    policy = ("-p", str(machine.manifest))
    machine("apply", *policy)
    text = machine.manifest.read_text()
    machine.manifest.write_text(text.replace("http://", f"http://me:{URL}@"))
    for verb in ("check", "plan", "apply"):
        machine(verb, *policy, code=3)
        machine(verb, *policy, "--json", code=3)
    machine("run", "nightly")  # it looks at the manifest, and compiles it
    machine("status", *policy)
    machine("status", *policy, "--json")
    assert holding(machine.root, URL.encode()) == set()
    said = b"".join(machine.said)
    assert b"secret-in-url" in said
    assert URL.encode() not in said
    assert URL.encode() not in machine.processes.read_bytes()


# ── Over ssh ─────────────────────────────────────────────────────────────────────────────────

RUN = """\
import sys
from datetime import UTC, datetime
from pathlib import Path
from engine.system.host.places import Places
from engine.system.runs.runner import explain_leg, run_leg
from policyctl.views.run import report_lines
from tests.integration.lab import compiled, install
places = Places(state=Path(sys.argv[2]))
plan = compiled(Path(sys.argv[1]).read_text())
install(plan, places, datetime.now(UTC))
print(*explain_leg(plan, "offsite", places=places), sep="\\n")
report = run_leg(plan, "offsite", places=places, progress=print)
print(*report_lines(report, plan.leg("offsite").leg, table=True), sep="\\n")
"""
"""What `policyctl run` does; below another root an ssh destination would be a local directory."""

AWAY = """\
version: 1
host: {host}
timezone: UTC
destinations:
  nas: {{path: {top}/nas, media: nas, site: away, {ssh}}}
sources:
  data: {{kind: tree, path: {top}/data, secret: true}}
legs:
  offsite: {{kind: mirror, to: "nas:/copies", schedule: "02:00", timeout: 5m, chmod: "D700,F600"}}
routes:
  {top}/data: offsite
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "sshd") as found:
        yield found


@pytest.mark.tool("sshd", "ssh-keygen")
@pytest.mark.parametrize("known", [True, False])
def test_law_22_no_key_leaves_its_file(tmp_path: Path, server: Server, *, known: bool) -> None:
    other = (tmp_path / "sshd/host_key").read_bytes()  # keys begin alike
    lines = (tmp_path / "sshd/key").read_bytes().splitlines()[1:-1]
    body = [line for line in lines if line not in other]
    assert len(body) > 2
    for place in ("data", "nas"):
        (tmp_path / place).mkdir()
    (tmp_path / "data/passwords").write_text(FILE)
    if not known:
        server.forget_host()
    text = AWAY.format(host=socket.gethostname(), top=tmp_path, ssh=server.yaml())
    (tmp_path / "policy.yaml").write_text(text)
    tools = watching_tools(tmp_path / "bin", tmp_path / "processes")
    done = subprocess.run(
        [sys.executable, "-c", RUN, tmp_path / "policy.yaml", tmp_path / "state"],
        env={
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT),
            "BACKUP_PASSWORD": VARIABLE,
        },
        capture_output=True,
        check=False,
    )
    assert (b"offsite: ok after" in done.stdout) is known, done.stdout + done.stderr
    said = done.stdout + done.stderr
    seen = (tmp_path / "processes").read_bytes()
    assert str(tmp_path / "sshd/key").encode() in seen, "ssh was watched"
    for one in (*body, *CANARIES):
        assert one not in said
        assert one not in seen
        assert holding(tmp_path / "state", one) == set()
    assert holding(tmp_path, *body) == {"sshd/key"}
    copies = {"nas/copies/passwords"} if known else set()
    assert holding(tmp_path, FILE.encode()) == {"data/passwords", *copies}
