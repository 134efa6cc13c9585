"""`fetch` legs against a real sshd, which plays the device."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.generations.names import Standing, moment_of
from engine.records.reports import RunReport, RunStatus
from engine.runs.observation import Waiver
from engine.system.host.places import Places
from engine.system.runs.runner import explain_leg, run_leg
from engine.system.state.state import open_state, stream_of
from engine.system.telling.facts import leg_facts
from tests.integration.lab import compiled, install, only, write
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh")
MANIFEST = """\
version: 1
host: {host}
timezone: UTC
destinations:
  disk: {{path: {top}/disk, media: hdd, site: home}}
sources:
  router: {{kind: device, {ssh}}}
legs:
  config:
    kind: fetch
    from: router
    to: disk:/router
    files: {files}
    schedule: "02:00"
    keep: {{last: 2}}
    timeout: {timeout}
"""
XML = b"<config><user>admin</user></config>\n"


class Router:
    """A device, and the machine that keeps what it says."""

    def __init__(self, top: Path, server: Server, files: str = "", timeout: str = "1m") -> None:
        self.top, self.server = top, server
        self.files = (
            files or "{config.xml: [cat, " + json.dumps(str(top / "flash/config.xml")) + "]}"
        )
        self.timeout = timeout
        self.more = ""
        self.now = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
        self.places = Places(state=top / "state")
        (top / "disk").mkdir()
        write(self.config, XML)

    @property
    def config(self) -> Path:
        return self.top / "flash/config.xml"

    def plan(self):
        text = MANIFEST.format(
            host=socket.gethostname(),
            top=self.top,
            ssh=self.server.yaml(),
            files=self.files,
            timeout=self.timeout,
        )
        plan = compiled(text + self.more)
        install(plan, self.places, self.now)
        return plan

    def run(self, *allow: Waiver) -> RunReport:
        self.now += timedelta(days=1)
        return run_leg(
            self.plan(),
            "config",
            places=self.places,
            clock=lambda: self.now,
            waived=frozenset(allow),
        )

    @property
    def generations(self) -> list[Path]:
        folder = self.top / "disk/router"
        found = folder.iterdir() if folder.exists() else ()
        return sorted(one for one in found if moment_of(os.fsencode(one.name)))

    def known(self) -> list[Standing]:
        plan = self.plan()
        leg = plan.leg("config")
        assert leg is not None
        names = [os.fsencode(one.name) for one in self.generations]
        with open_state(self.places.state_file) as state:
            stream = stream_of(plan, leg, leg.feeds[0], state)
            return [one.standing for one in state.generations.among(stream, names)]

    def nothing_came(self, report: RunReport, why: str) -> None:
        assert report.status is RunStatus.FAILED, report
        assert why in report.reason
        assert self.generations == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture
def router(tmp_path: Path, server: Server) -> Router:
    return Router(tmp_path, server)


def test_each_run_makes_a_generation_and_keep_says_which_stay(router: Router) -> None:
    for number in range(3):
        write(router.config, XML + b"<!-- %d -->" % number)
        report = router.run()
        assert report.status is RunStatus.OK, report
        assert (only(report).files, only(report).entries) == (1, 1)
        assert only(report).data_as_of == router.now
    assert len(router.generations) == 2
    newest = router.generations[-1] / "config.xml"
    assert newest.read_bytes() == router.config.read_bytes()
    assert newest.stat().st_mode & 0o777 == 0o600
    assert router.known() == [Standing.VERIFIED] * 2
    assert not list((router.top / "disk/router").glob(".policyctl*"))


def test_a_dry_run_shows_the_command_and_asks_nobody(router: Router) -> None:
    before = router.server.connections
    text = "\n".join(explain_leg(router.plan(), "config", places=router.places))
    assert f"keep as config.xml what it says: cat {router.config}, which must be xml" in text
    assert router.server.connections == before


def test_law_18_what_is_empty_cut_off_or_something_else_is_no_copy(router: Router) -> None:
    write(router.config, b"")
    router.nothing_came(router.run(), "config.xml would be empty")
    write(router.config, XML[:-5])
    router.nothing_came(router.run(), "config.xml: it is no xml")
    write(router.config, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    router.nothing_came(router.run(), "it declares the entity 'b'")
    router.config.unlink()
    router.nothing_came(router.run(), "the command ended with 1: cat:")
    write(router.config, XML)
    assert router.run().status is RunStatus.OK
    assert len(router.generations) == 1


def test_law_18_one_that_shrinks_is_told_and_nothing_older_goes(router: Router) -> None:
    write(router.config, b"<a>" + b"b" * 1000 + b"</a>")
    assert router.run().status is RunStatus.OK
    assert router.run().status is RunStatus.OK
    write(router.config, b"<a/>")
    report = router.run()
    assert report.status is RunStatus.DEGRADED
    assert "config.xml has 4 B, and 1007 B in the generation before" in report.reason
    assert len(router.generations) == 3
    assert router.known()[-1] is Standing.COMPLETE
    # It stays told until somebody says that it is right.
    write(router.config, b"<a></a>")
    assert router.run(Waiver.SMALLER_SOURCE).status is RunStatus.OK
    assert len(router.generations) < 4


def archive(names: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in names.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


TAR = archive({"a": b"1" * 5000, "../out": b"2"})
GOOD = {
    "a.json": b'{"a": [1]}',
    "a.tar": TAR,
    "a.gz": gzip.compress(b"x" * 1000),
    "a.tar.gz": gzip.compress(TAR),
    "a.tgz": gzip.compress(TAR),
    "a.txt": b"anything",
}
BAD = {
    "a.json": b'{"a": [1}',
    "a.tar": TAR[:5000],
    "a.gz": gzip.compress(b"x" * 1000)[:-4],
    "a.tar.gz": gzip.compress(TAR)[:-4],
    "a.tgz": gzip.compress(b"no archive"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_file_is_what_its_name_says(tmp_path: Path, server: Server, name: str) -> None:
    there = tmp_path / "there"
    router = Router(tmp_path, server, files=f"{{{name}: [cat, {there}]}}")
    if name in BAD:
        write(there, BAD[name])
        router.nothing_came(router.run(), f"{name}: it is no ")
    write(there, GOOD[name])
    report = router.run()
    assert report.status is RunStatus.OK, report
    assert (router.generations[-1] / name).read_bytes() == GOOD[name]
    assert not (tmp_path / "out").exists(), "nothing is unpacked"


def test_what_it_must_be_can_be_said(tmp_path: Path, server: Server) -> None:
    there = tmp_path / "there"
    write(there, b"no json")
    router = Router(tmp_path, server, files=f"{{a.txt: {{run: [cat, {there}], parse: json}}}}")
    router.nothing_came(router.run(), "a.txt: it is no json")
    router.files = f"{{a.json: {{run: [cat, {there}], parse: none}}}}"
    assert router.run().status is RunStatus.OK


def test_words_are_the_devices_words_and_no_shell_takes_them_apart(
    tmp_path: Path, server: Server
) -> None:
    odd = "a b'$(touch x); \"#*"
    router = Router(tmp_path, server, files="{a.txt: [printf, '%s', " + json.dumps(odd) + "]}")
    assert router.run().status is RunStatus.OK
    assert (router.generations[-1] / "a.txt").read_text() == odd


def test_without_one_of_its_files_there_is_no_generation(tmp_path: Path, server: Server) -> None:
    write(tmp_path / "there", b"1")
    files = f"{{a.txt: [cat, {tmp_path / 'there'}], b.txt: [cat, /no/such/file]}}"
    router = Router(tmp_path, server, files=files)
    router.nothing_came(router.run(), "b.txt: the command ended with 1")


def test_a_device_that_hangs_has_its_time(tmp_path: Path, server: Server) -> None:
    router = Router(tmp_path, server, files="{a.txt: [sleep, '60']}", timeout="2s")
    report = router.run()
    assert report.status is RunStatus.TIMED_OUT, report
    assert router.generations == []


def test_a_device_that_is_away_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "server") as server:
        router = Router(tmp_path, server, timeout="3s")
    router.nothing_came(router.run(), "the device does not answer: ")


def test_a_device_has_no_rules_that_could_have_changed(router: Router) -> None:
    """It was at risk "until its next run" for ever, though its copies were fresh."""
    assert router.run().status is RunStatus.OK
    plan = router.plan()
    leg = plan.leg("config")
    assert leg is not None
    with open_state(router.places.state_file) as state:
        facts = leg_facts(plan, leg, state, None, router.places)
    (item,) = facts.items
    assert item.in_step


@pytest.mark.tool("age")
def test_law_22_what_is_to_be_encrypted_never_stays_in_the_clear(
    tmp_path: Path, server: Server
) -> None:
    key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    router = Router(tmp_path, server)
    router.more = f"    encrypt: {{age: [{key}]}}\n"
    assert router.run().status is RunStatus.OK
    (generation,) = router.generations
    assert [one.name for one in generation.iterdir()] == ["config.xml.age"]
    write(router.config, b"<config><user>PLAINSECRET")
    assert router.run().status is RunStatus.FAILED
    for path in (tmp_path / "disk").rglob("*"):
        assert path.is_dir() or b"PLAINSECRET" not in path.read_bytes(), path
