"""What can go wrong with the other machine and the way to it, each done for real."""

import functools
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.plan.left_plan import NAME as LEFT
from engine.records.reports import RunStatus
from engine.system.host import process
from engine.system.host.process import Command, Completed
from engine.system.passes import transfers
from tests.integration.away import Away
from tests.integration.lab import only, tree, wrap_rsync, write
from tests.integration.sshd import Server, serving
from tests.integration.tracking import Trackers
from tests.processes import proc_files

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen", "ssh-keyscan")
BIG = 3_000_000


@pytest.fixture(scope="module")
def trackers() -> Iterator[Trackers]:
    trackers = Trackers()
    yield trackers
    trackers.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "server") as server:
        yield server


@pytest.fixture
def away(tmp_path: Path, server: Server) -> Away:
    away = Away(tmp_path / "lab", server)
    write(away.source / "file")
    return away


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Command, Completed]]:
    """Each command of the transfers, with how it ended."""
    commands: list[tuple[Command, Completed]] = []

    def run(command: Command) -> Completed:
        ended = process.run(command)
        commands.append((command, ended))
        return ended

    monkeypatch.setattr(transfers, "run", run)
    return commands


def once_it_writes(away: Away, size: int, act: object) -> threading.Thread:
    """Do something as soon as that much of a file has arrived."""
    assert callable(act)

    def watch() -> None:
        deadline = time.monotonic() + 20
        while not any(one.stat().st_size >= size for one in away.copies.glob(".big.*")):
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def figure(name: str, ended: Completed) -> int:
    found = re.search(rf"^{name}: ([0-9,]+)", ended.stdout.decode(), re.MULTILINE)
    assert found is not None
    return int(found[1].replace(",", ""))


def remote_wrapper(server: Server, directory: Path, **programs: str) -> None:
    """Put programs before those that the other machine has."""
    directory.mkdir()
    for name, body in programs.items():
        write(directory / name, f"#!/bin/sh\n{body}\n")
        (directory / name).chmod(0o755)
    answer_with(server, f'PATH={directory}:$PATH; export PATH; eval \\"$SSH_ORIGINAL_COMMAND\\"')


def answer_with(server: Server, command: str) -> None:
    """Have the other machine answer each request with this shell text."""
    keys = server.directory / "authorized_keys"
    keys.write_text(f'command="{command}" {keys.read_text()}')


# ── A connection that breaks ─────────────────────────────────────────────────────────────────


def test_a_file_goes_on_where_the_connection_broke(
    tmp_path: Path,
    server: Server,
    trackers: Trackers,
    told: list[tuple[Command, Completed]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (0.5, 0.5))
    with Away(tmp_path / "lab", server, ", bandwidth: 1M").tracked(trackers) as away:
        write(away.source / "file")
        away.first()
        told.clear()
        write(away.source / "big", os.urandom(BIG))
        before = server.connections
        dropper = once_it_writes(away, BIG // 3, server.drop_connections)
        report = away.run()
        dropper.join()
        assert report.status is RunStatus.NOTED, report
        assert report.reason == "data: the connection broke, and it was tried again"
        assert only(report).mode == "incremental"
        assert server.connections == before + 2
        first, second = (ended for command, ended in told if b"--copy-links" in command.argv)
        assert first.code != 0
        assert 0 < figure("Literal data", second) < BIG - BIG // 4, "the rest alone was sent"
        assert tree(away.copies) == tree(away.source), "and nothing unfinished is left"
        assert away.waiting() == set()
        nobody_is_left(away)


def test_law_05_a_machine_that_stays_away_leaves_all_of_it_in_the_journal(
    tmp_path: Path, server: Server, trackers: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (0.1, 0.1))
    with Away(tmp_path / "lab", server, ", bandwidth: 1M").tracked(trackers) as away:
        write(away.source / "file")
        write(away.source / "gone")
        away.first()
        write(away.source / "big", os.urandom(BIG))
        (away.source / "gone").unlink()
        stopper = once_it_writes(away, BIG // 3, server.stop)
        report = away.run()
        stopper.join()
        assert report.status is RunStatus.FAILED, report
        # rsync ends with 255 or 12: as it first sees that ssh has ended, or that nothing comes.
        assert re.search(
            "ssh could not connect|the connection to the other rsync broke", report.reason
        )
        assert "Connection refused" in report.reason
        assert away.waiting() == {b"big", b"gone"}
        assert b"gone" in tree(away.copies)
        server.start()
        again = away.run()
        assert again.status is RunStatus.OK, again
        assert only(again).mode == "incremental"
        assert tree(away.copies) == tree(away.source)


def test_it_never_waits_longer_than_it_may_run(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (3600.0,))
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", ONCE.format(words="--max-delete=0")))
    away = Away(tmp_path / "lab", server, ", timeout: 30m")
    write(away.source / "file")
    report = away.run()
    assert report.status is RunStatus.FAILED, report
    assert report.reason.startswith("data: the connection to the other rsync broke")


ONCE = 'case "$*" in *{words}*) echo asked >>"$0.asked"; exit 12;; *) real "$@";; esac'


def test_law_11_what_may_delete_a_counted_number_is_not_tried_again(
    tmp_path: Path, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try may have deleted some already: the same number again would be too many."""
    monkeypatch.setattr(transfers, "BACK_OFF", (0.0, 0.0, 0.0))
    write(away.source / "gone")
    away.first()
    (away.source / "gone").unlink()
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", ONCE.format(words="--max-delete=1")))
    report = away.run()
    assert report.status is RunStatus.FAILED, report
    assert report.reason.startswith("data: while deleting: the connection to the other rsync")
    assert (tmp_path / "bin/rsync.asked").read_text() == "asked\n"
    monkeypatch.setenv("PATH", path)
    assert away.run().status is RunStatus.OK
    assert tree(away.copies) == tree(away.source)


def test_a_key_that_is_lost_on_the_way_is_tried_again_and_told(
    tmp_path: Path, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "BACK_OFF", (0.0, 0.0, 0.0))
    monkeypatch.setenv("PATH", wrap_rsync(tmp_path / "bin", ONCE.format(words="--max-delete=0")))
    report = away.run()
    assert report.status is RunStatus.FAILED
    assert (tmp_path / "bin/rsync.asked").read_text() == "asked\n" * 4


# ── A machine that is not the one that is meant, or lets nobody in ───────────────────────────


def typed(reason: str) -> list[str]:
    """The commands that a refusal asks for."""
    return [one.strip() for one in re.findall(r"(?:ssh-keyscan|ssh-keygen -R)[^;]*", reason) if one]


def test_an_unknown_host_key_is_refused_with_what_to_type(away: Away) -> None:
    away.server.forget_host()
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "No ED25519 host key is known for" in report.reason
    assert "Host key verification failed" in report.reason
    assert "\r" not in report.reason
    assert tree(away.nas) == {}
    (command,) = typed(report.reason)
    subprocess.run(["sh", "-c", command], check=True, stderr=subprocess.DEVNULL)
    assert away.run().status is RunStatus.OK


def test_a_host_key_that_has_changed_is_refused_with_what_to_type(away: Away) -> None:
    assert away.run().status is RunStatus.OK
    known = away.server.directory / "known_hosts"
    other = away.server.directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    name, *_ = known.read_text().split()
    known.write_text(f"{name} {other.with_suffix('.pub').read_text()}")
    write(away.source / "new")
    before = tree(away.nas)
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "has changed" in report.reason
    assert tree(away.nas) == before
    forget, learn = typed(report.reason)
    assert forget.startswith("ssh-keygen -R '[127.0.0.1]:")
    for command in (forget, learn):
        subprocess.run(
            ["sh", "-c", command],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    assert away.run().status is RunStatus.OK


def test_a_key_that_is_not_let_in_is_refused_and_nothing_is_asked(
    away: Away, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server would take a password, the key has a passphrase, and somebody offers to ask."""
    asker = tmp_path / "askpass"
    write(asker, f"#!/bin/sh\ntouch {tmp_path}/asked\necho secret\n")
    asker.chmod(0o755)
    for name, value in {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}.items():
        monkeypatch.setenv(name, value)
    key = away.server.directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "passphrase", "-f", str(key)], check=True)
    config = away.server.directory / "config"
    config.write_text(
        config.read_text().replace("PasswordAuthentication no", "PasswordAuthentication yes")
    )
    away.server.stop()
    away.server.start()
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "Permission denied (publickey,password)" in report.reason
    assert not (tmp_path / "asked").exists()


def test_a_port_where_nobody_listens_is_refused(away: Away) -> None:
    away.server.stop()
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "destination nas: it does not answer" in report.reason
    assert "Connection refused" in report.reason


def test_a_host_that_accepts_and_says_nothing_is_given_up(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.reach.ssh_command.CONNECT_TIMEOUT", 1)
    away.server.stop()
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", away.server.port)):
        report = away.run()
    assert report.status is RunStatus.REFUSED
    assert "timed out" in report.reason
    assert time.monotonic() - began < 10


# ── A machine that answers in odd ways ───────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["echo Welcome", "echo Welcome; echo; echo to the NAS"])
def test_a_remote_shell_that_greets_is_refused_beforehand(away: Away, words: str) -> None:
    answer_with(away.server, f'{words}; eval \\"$SSH_ORIGINAL_COMMAND\\"')
    report = away.run()
    assert report.status is RunStatus.REFUSED, report
    assert "its shell prints 'Welcome' before each answer, and rsync cannot" in report.reason
    assert tree(away.nas) == {}


def test_law_11_a_shell_that_cannot_list_is_not_taken_for_an_rrsync(
    away: Away, tmp_path: Path
) -> None:
    """rsync alone would make a root that is missing, and so fill what lies below a mount point."""
    assert away.run().status is RunStatus.OK
    remote_wrapper(away.server, tmp_path / "bin", find='echo "find: no -exec here" >&2; exit 1')
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert report.reason.endswith(f"{away.copies} cannot be listed there: find: no -exec here")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("echo 'rsync  version 3.0.9  protocol version 30'", "version 3.0.9: 3.2 or later is"),
        ("exit 127", "install rsync 3.2 or later, in the PATH of commands that come over ssh"),
    ],
)
def test_law_19_an_old_rsync_or_one_in_another_place_is_refused_beforehand(
    away: Away, tmp_path: Path, body: str, found: str
) -> None:
    remote_wrapper(away.server, tmp_path / "bin", rsync=body)
    report = away.run()
    assert report.status is RunStatus.REFUSED
    assert found in report.reason
    assert tree(away.nas) == {}


def test_a_remote_path_may_hold_what_a_shell_would_read(tmp_path: Path, server: Server) -> None:
    away = Away(tmp_path / "lab", server)
    away.nas.rmdir()
    away.nas = away.top / "a b'c $HOME * \\x"
    away.nas.mkdir()
    away.path = "'" + str(away.nas).replace("'", "''") + "'"
    away.apply()
    write(away.source / "a/file")
    assert away.run().status is RunStatus.OK
    assert tree(away.copies) == tree(away.source)
    shutil.rmtree(away.source / "a")
    write(away.source / "b")
    assert away.run().status is RunStatus.OK
    assert tree(away.copies) == tree(away.source)
    assert {one.name for one in away.nas.iterdir()} == {"copies", os.fsdecode(LEFT)}


def test_a_long_state_directory_does_not_make_the_socket_too_long(
    tmp_path: Path, server: Server
) -> None:
    away = Away(tmp_path / ("x" * 100) / ("y" * 100), server)
    write(away.source / "file")
    before = server.connections
    assert away.run().status is RunStatus.OK
    assert server.connections == before + 1


# ── Time limits ──────────────────────────────────────────────────────────────────────────────


def processes_naming(text: str) -> dict[int, bytes]:
    """Processes whose command line holds the text, this one aside."""
    lines = dict(proc_files("cmdline"))
    lines.pop(os.getpid(), None)
    return {process: line for process, line in lines.items() if text.encode() in line}


def nobody_is_left(away: Away) -> None:
    """Neither rsync nor ssh of a run is there any more, the shared connection included."""
    deadline = time.monotonic() + 5
    while left := processes_naming(str(away.top / "state/run")):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_law_13_no_ssh_outlives_a_run_that_took_too_long(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other rsync starts and never says a word, and rsync here does not let itself be ended."""
    quick = functools.partial(process.run, grace=0.5)
    monkeypatch.setattr(transfers, "run", quick)
    away = Away(tmp_path / "lab", server, ", timeout: 2s")
    write(away.source / "file")
    silent = "cat >/dev/null"
    answer_with(
        server,
        f'case \\"$SSH_ORIGINAL_COMMAND\\" in *--server*) {silent};; '
        '*) eval \\"$SSH_ORIGINAL_COMMAND\\";; esac',
    )
    path = wrap_rsync(tmp_path / "bin", 'trap "" TERM; real "$@"; sleep 30')
    monkeypatch.setenv("PATH", path)
    (tmp_path / "bin/rsync").write_text(
        (tmp_path / "bin/rsync")
        .read_text()
        .replace("trap", 'case "$*" in *--version) real "$@"; exit;; esac; trap', 1)
    )
    began = time.monotonic()
    report = away.run()
    assert report.status is RunStatus.TIMED_OUT, report
    assert report.reason == "its time limit of 2s has passed"
    assert time.monotonic() - began < 8
    nobody_is_left(away)
