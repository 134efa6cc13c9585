"""The process that copies databases, as a run starts it: its arguments, lines and codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.sqlite.copies import CopyRules, CopyStatus, DatabaseCopy, read_lines, worker_arguments
from tests.databases import beside, locked, make, make_in_log, rows
from tests.integration.lab import at, write
from tests.integration.mounts import mount_namespace

RULES = CopyRules(frozen=True, each=60, all=300)


def command(root: Path, target: Path, rules: CopyRules = RULES) -> list[bytes]:
    arguments = worker_arguments(os.fsencode(root), os.fsencode(target), rules)
    return [os.fsencode(sys.executable), *arguments]


def work(
    root: Path, target: Path, rules: CopyRules = RULES
) -> tuple[int, dict[bytes, DatabaseCopy], bytes]:
    done = subprocess.run(command(root, target, rules), check=False, capture_output=True)
    return done.returncode, {one.path: one for one in read_lines(done.stdout)}, done.stderr


@pytest.fixture
def target(tmp_path: Path) -> Path:
    place = tmp_path / "target"
    place.mkdir()
    return place


def test_all_that_are_sound_end_it_with_0(tmp_path: Path, target: Path) -> None:
    make_in_log(tmp_path / "src/deep/er/log.db")
    write(at(tmp_path / "src", b"bad\xff\nname"), make(tmp_path / "sample").read_bytes())
    code, copies, errors = work(tmp_path / "src", target)
    assert (code, errors) == (0, b"")
    assert {path: one.rows for path, one in copies.items()} == {
        b"bad\xff\nname": 3,
        b"deep/er/log.db": 1000,
    }
    assert len(rows(target / "deep/er/log.db")) == 1000


def test_one_that_fails_ends_it_with_6(tmp_path: Path, target: Path) -> None:
    make(tmp_path / "src/good.db")
    write(tmp_path / "src/bad.db", make(tmp_path / "sample").read_bytes()[:5000])
    code, copies, errors = work(tmp_path / "src", target)
    assert (code, errors) == (6, b"")
    assert copies[b"good.db"].status is CopyStatus.OK
    assert copies[b"bad.db"].status is CopyStatus.CORRUPT


def test_no_database_is_no_failure(tmp_path: Path, target: Path) -> None:
    write(tmp_path / "src/file")
    assert work(tmp_path / "src", target) == (0, {}, b"")


@pytest.mark.parametrize("missing", ["src", "target"])
def test_where_it_cannot_work_it_ends_with_5(tmp_path: Path, missing: str) -> None:
    for name in {"src", "target"} - {missing}:
        make(tmp_path / name / "x.db")
    code, copies, errors = work(tmp_path / "src", tmp_path / "target")
    assert (code, copies) == (5, {})
    assert b"No such file or directory" in errors
    assert b"Traceback" not in errors


def test_its_rules_reach_it(tmp_path: Path, target: Path) -> None:
    path = make(tmp_path / "src/x.db")
    for rules, way, check in (
        (RULES, "immutable", "integrity_check"),
        (CopyRules(frozen=False, each=60, all=60, quick_above=0), "locked", "quick_check"),
    ):
        code, copies, _ = work(path.parent, target, rules)
        copy = copies[b"x.db"]
        assert copy.way is not None
        assert copy.check is not None
        assert (code, copy.way.value, copy.check.value) == (0, way, check)
    with locked(path):
        began = time.monotonic()
        live = CopyRules(frozen=False, each=0.5, all=60)
        code, copies, _ = work(path.parent, target, live)
        assert time.monotonic() - began < 20
    assert (code, copies[b"x.db"].status) == (6, CopyStatus.TOO_SLOW)


def test_each_line_is_there_as_soon_as_its_database_is_done(tmp_path: Path, target: Path) -> None:
    make(tmp_path / "src/a.db")
    stuck = make(tmp_path / "src/b.db")
    live = CopyRules(frozen=False, each=60, all=60)
    with (
        locked(stuck),
        subprocess.Popen(command(stuck.parent, target, live), stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["path"] == "a.db"
        assert process.poll() is None
        process.terminate()
    assert process.returncode == -signal.SIGTERM


def test_nobody_goes_on_when_it_is_killed(tmp_path: Path, target: Path) -> None:
    path = make(tmp_path / "src/x.db")
    live = CopyRules(frozen=False, each=60, all=60)
    with (
        locked(path),
        subprocess.Popen(command(path.parent, target, live), stdout=subprocess.PIPE) as process,
    ):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 20
        while not children.read_text().split():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (child,) = children.read_text().split()
        process.kill()
        process.wait()
        while Path(f"/proc/{child}/stat").exists():
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":  # it has ended; whoever inherits it has yet to ask
                break
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.root
@pytest.mark.tool("unshare", "nsenter", "mount")
def test_law_18_it_works_in_a_mount_namespace_on_a_read_only_mount(
    tmp_path: Path, target: Path
) -> None:
    path = make_in_log(tmp_path / "src/x.db")
    beside(path, "-shm").unlink()
    place = tmp_path / "mounted"
    place.mkdir()
    with mount_namespace() as space:
        space("mount", "--bind", path.parent, place)
        space("mount", "-o", "remount,bind,ro", place)
        words = [*map(os.fsencode, space.prefix()), *command(place, target)]
        done = subprocess.run(words, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    (copy,) = read_lines(done.stdout)
    assert (copy.path, copy.rows) == (b"x.db", 1000)
    assert sorted(one.name for one in path.parent.iterdir()) == ["x.db", "x.db-wal"]
    assert list(place.iterdir()) == []  # it was mounted there alone


def test_it_starts_quickly() -> None:
    program = "import sys, engine.system.sqlite.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    loaded = set(done.stdout.decode().split())
    assert not loaded & {"typer", "rich", "yaml", "jsonschema", "jinja2", "prometheus_client"}
