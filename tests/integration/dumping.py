"""A machine that dumps one source, brings dumps back, and loads them as `restore` says."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from engine.dumps.record import NAME, DumpRecord, FileRecord, record_from_json
from engine.dumps.sums import NAME as SUMS
from engine.generations.names import Standing, moment_of
from engine.records.reports import RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.system.host.places import Places
from engine.system.runs.runner import explain_leg, run_leg
from engine.system.state.state import open_state, stream_of
from tests.e2e.test_cli import Done, policyctl
from tests.integration.lab import compiled, install
from tests.servers.process import Server
from tests.servers.programs import SEARCH

MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {top}/disk, media: hdd, site: home}}
sources:
  shop: {{{source}}}
legs:
  dump:
    kind: dump
    from: shop
    to: disk:/shop
    schedule: "01:00"
    keep: {{{keep}}}
    timeout: {timeout}
{options}"""


class House:
    """A machine below a folder; `source` is what its manifest says of the source."""

    def __init__(
        self,
        top: Path,
        source: str,
        *,
        options: Mapping[str, str] | None = None,
        keep: str = "last: 2",
        timeout: str = "1m",
    ) -> None:
        self.top, self.source, self.keep, self.timeout = top, source, keep, timeout
        self.options = dict(options or {})
        self.more = ""
        """Legs beside the one that dumps."""
        self.now = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)
        self.places = Places(state=top / "state")
        self.disk.mkdir(exist_ok=True)

    @property
    def disk(self) -> Path:
        return self.top / "disk"

    def text(self) -> str:
        options = "".join(f"    {key}: {value}\n" for key, value in self.options.items())
        return MANIFEST.format(
            host=socket.gethostname(),
            top=self.top,
            source=self.source,
            keep=self.keep,
            timeout=self.timeout,
            options=options,
        ) + textwrap.indent(self.more, "  ")

    def plan(self):
        plan = compiled(self.text())
        install(plan, self.places, self.now)
        return plan

    def run(self, *allow: Waiver, leg: str = "dump") -> RunReport:
        self.now += timedelta(days=1)
        return run_leg(
            self.plan(),
            leg,
            places=self.places,
            clock=lambda: self.now,
            waived=frozenset(allow),
        )

    def good(self, *allow: Waiver) -> Path:
        """The dump of a run that found nothing wrong."""
        report = self.run(*allow)
        assert report.status is RunStatus.OK, report
        return self.generations[-1]

    def degraded(self, why: str, *allow: Waiver) -> RunReport:
        report = self.run(*allow)
        assert report.status is RunStatus.DEGRADED, report
        assert why in report.reason, report.reason
        return report

    def refused(self, why: str) -> RunReport:
        """A run that made nothing."""
        before = self.generations
        report = self.run()
        assert not report.status.succeeded, report
        assert why in report.reason, report.reason
        assert self.generations == before
        assert self.left_over() == []
        return report

    def left_over(self) -> list[Path]:
        """Files of dumps that did not come about."""
        return [path for path in self.disk.glob("shop/.policyctl*/**/*") if path.is_file()]

    def explain(self) -> str:
        return "\n".join(
            explain_leg(self.plan(), "dump", places=self.places, clock=lambda: self.now)
        )

    @property
    def generations(self) -> list[Path]:
        folder = self.disk / "shop"
        found = folder.iterdir() if folder.exists() else ()
        return sorted(one for one in found if moment_of(os.fsencode(one.name)))

    @property
    def names(self) -> list[str]:
        """What is in the newest dump, its record and its list of sums aside."""
        found = sorted(one.name for one in self.generations[-1].iterdir())
        found.remove(NAME.decode())
        listed = bool(self.record.sums)
        assert (SUMS.decode() in found) == listed
        return [one for one in found if one != SUMS.decode()]

    @property
    def record(self) -> DumpRecord:
        return record_from_json((self.generations[-1] / NAME.decode()).read_text())

    def known(self) -> list[Standing]:
        plan = self.plan()
        leg = plan.leg("dump")
        assert leg is not None
        names = [os.fsencode(one.name) for one in self.generations]
        with open_state(self.places.state_file) as state:
            stream = stream_of(plan, leg, leg.feeds[0], state)
            return [one.standing for one in state.generations.among(stream, names)]

    # ── Getting it back ──────────────────────────────────────────────────────────────────────

    def restore(self, subject: str = "shop:", *more: str) -> tuple[Path, list[str]]:
        """Where the newest dump came to, from the disk alone, and what to type to load it."""
        to = self.top / "came"
        shutil.rmtree(to, ignore_errors=True)
        done = self.ask_back(subject, "--to", str(to), *more)
        assert done.code == 0, (done.out, done.err)
        return shown(done.out)

    def ask_back(self, *words: str) -> Done:
        return policyctl("restore", "--at", str(self.disk), *words, cwd=self.top)

    def load(self, subject: str = "shop:", *more: str) -> str:
        """Restore, and carry out what is shown, word for word; gives what was told on the way."""
        folder, commands = self.restore(subject, *more)
        assert commands
        return "".join(typed(one, folder) for one in commands)


def shown(told: str) -> tuple[Path, list[str]]:
    """The folder that `restore` names, and the commands that it shows."""
    _, found, rest = told.partition("to load it, in ")
    folder, _, lines = rest.partition(":\n")
    assert found, told
    commands = [line[2:] for line in lines.splitlines() if line.startswith("  ")]
    return Path(*shlex.split(folder)), [one for one in commands if not one.startswith("#")]


def typed(command: str, folder: Path, **variables: str) -> str:
    """What a shell tells of a command; it has to succeed."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PATH": SEARCH, **variables},
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stderr


def secret(folder: Path, text: str, name: str = "secret") -> str:
    """A file that holds a password, as a manifest names it."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return f"{{file: {path}}}"


def age_key(path: Path) -> str:
    """Make a key of age; gives the public one."""
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return subprocess.run(
        ["age-keygen", "-y", path], check=True, capture_output=True, text=True
    ).stdout.strip()


def file_records(dump: Path) -> tuple[FileRecord, ...]:
    """What the record of a dump says of its files."""
    return record_from_json((dump / NAME.decode()).read_text()).files


def instead(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str, body: str) -> None:
    """Put a program before the real one: shell text, in which `real "$@"` runs that."""
    here = folder / "bin"
    here.mkdir(exist_ok=True)
    found = shutil.which(program, path=os.environ["PATH"].removeprefix(f"{here}:"))
    path = here / program
    path.write_text(f'#!/bin/bash\nset -o pipefail\nreal() {{ {found} "$@"; }}\n{body}\n')
    path.chmod(0o755)
    here.chmod(0o755)
    if not os.environ["PATH"].startswith(f"{here}:"):
        monkeypatch.setenv("PATH", f"{here}:{os.environ['PATH']}")


@contextmanager
def killed_amid(
    server: Server, monkeypatch: pytest.MonkeyPatch, folder: Path, program: str
) -> Iterator[None]:
    """A server dies while a client has part of its data: neither has come to its end by then."""
    now, gone = folder / "now", folder / "gone"
    waits = f"touch {now}; until [ -e {gone} ]; do sleep 0.02; done"
    asked = 'case "$*" in *--version*) real "$@"; exit;; esac'
    instead(monkeypatch, folder, program, f'{asked}\nreal "$@" | {{ head -c 4096; {waits}; cat; }}')

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not now.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        server.kill()
        gone.touch()

    killer = Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        now.touch()
        killer.join()
        assert not server.running


def watched(monkeypatch: pytest.MonkeyPatch, folder: Path, *programs: str) -> Path:
    """A file that gets the arguments of all processes whenever one of these clients is run."""
    seen = folder / "seen"
    for one in programs:
        look = f"cat /proc/[0-9]*/cmdline >> {seen} 2>/dev/null"
        instead(monkeypatch, folder, one, f'{look}; exec {shutil.which(one)} "$@"')
    return seen


def holding(text: str, *folders: Path) -> list[Path]:
    """Files that hold a text, be it escaped or not."""
    plain = text.encode()
    found = [path for top in folders for path in top.rglob("*") if path.is_file()]
    return [path for path in found if plain in path.read_bytes()]


@contextmanager
def small_disk(house: House, size: str) -> Iterator[None]:
    """A file system that is soon full, as the disk of a house."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(house.disk)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(house.disk)], check=True)
