"""`dump` legs of what is no server: a SQLite database with its companions, and programs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from engine.records.reports import RunStatus
from engine.runs.observation import Waiver
from engine.system.state.state import open_state
from policy.diagnostics import PolicyInvalid
from tests.databases import make, make_cut, rows
from tests.integration.dumping import House, age_key, small_disk
from tests.integration.lab import tree, write

pytestmark = pytest.mark.tool("rsync")


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def house(tmp_path: Path) -> House:
    data = tmp_path / "data"
    make(data / "db.sqlite3")
    write(data / "rsa_key.pem", "key")
    write(data / "rsa_key.pub", "public")
    write(data / "attachments/a/b", "attached")
    write(data / "other", "no companion")
    pattern = '["rsa_key*", attachments]'
    return House(tmp_path, f"kind: sqlite, path: {data}/db.sqlite3, with: {pattern}")


def test_a_database_comes_back_with_what_belongs_to_it(tmp_path: Path, house: House) -> None:
    before = tree(tmp_path / "data")
    house.good()
    assert house.names == ["attachments", "db.sqlite3", "rsa_key.pem", "rsa_key.pub"]
    done = house.ask_back("shop:", "--to", str(tmp_path / "came"))
    assert done.code == 0, done.err
    (came,) = [path.parent for path in (tmp_path / "came").rglob("db.sqlite3")]
    assert rows(came / "db.sqlite3") == rows(tmp_path / "data/db.sqlite3")
    found = tree(came)
    for name in (b"attachments/a/b", b"rsa_key.pem", b"rsa_key.pub"):
        assert found[name] == before[name]
    assert b"other" not in found


@pytest.mark.parametrize("encrypted", [False, True])
def test_what_is_shown_puts_a_database_in_its_place(
    tmp_path: Path, house: House, encrypted: bool
) -> None:
    """A log that was left of the old one would be played into it."""
    key = tmp_path / "key"
    public = age_key(key)
    if encrypted:
        house.options["encrypt"] = f"{{age: [{public}]}}"
    wanted = rows(tmp_path / "data/db.sqlite3")
    house.good()
    write(tmp_path / "data/rsa_key.pem", "other")
    make_cut(tmp_path / "cut/db.sqlite3")
    for one in (tmp_path / "cut").iterdir():  # as a program that was killed leaves it
        one.rename(tmp_path / "data" / one.name)
    assert (tmp_path / "data/db.sqlite3-journal").exists()
    told = house.load("shop:", *(("--identity", str(key)) if encrypted else ()))
    assert told == ""
    with closing(sqlite3.connect(tmp_path / "data/db.sqlite3")) as database:
        assert database.execute("SELECT * FROM t").fetchall() == wanted
    assert (tmp_path / "data/rsa_key.pem").read_text() == "key"
    assert (tmp_path / "data/attachments/a/b").read_text() == "attached"
    assert (tmp_path / "data/db.sqlite3.before/db.sqlite3-journal").exists()
    part = house.ask_back("shop:attachments", "--to", str(tmp_path / "part"))
    assert "to load it" not in part.out


def test_nothing_loads_what_is_damaged_and_the_warning_comes_first(
    tmp_path: Path, house: House
) -> None:
    dump = house.good()
    (dump / "db.sqlite3").write_text("rotten")
    done = house.ask_back("shop:", "--to", str(tmp_path / "came"))
    assert done.code == 6
    assert "look before you use it" in done.err
    assert "cp -- db.sqlite3" not in done.out
    assert "cp --archive" in done.out
    assert "# what is damaged, as told above, is not among them" in done.out
    alone = house.ask_back("shop:db.sqlite3", "--to", str(tmp_path / "alone"))
    assert alone.code == 6
    assert "to load it" not in alone.out
    words = [sys.executable, "-m", "policyctl", "restore", "--at", str(house.disk), "shop:"]
    both = subprocess.run(
        [*words, "--to", str(tmp_path / "both")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
    ).stdout  # fmt: skip
    order = [both.index(one) for one in ("  differs ", "look before you use it", "to load it")]
    assert order == sorted(order)


def test_what_has_not_changed_is_there_once(tmp_path: Path, house: House) -> None:
    first, second = house.good(), house.good()
    for name in ("attachments/a/b", "rsa_key.pem"):
        assert (first / name).samefile(second / name)
    with closing(sqlite3.connect(tmp_path / "data/db.sqlite3")) as database:
        database.execute("DELETE FROM t WHERE id = 1")
        database.commit()
    third = house.good()
    assert rows(third / "db.sqlite3") != rows(second / "db.sqlite3")


def test_law_18_a_damaged_database_is_no_dump(tmp_path: Path, house: House) -> None:
    first = house.good()
    path = tmp_path / "data/db.sqlite3"
    path.write_bytes(path.read_bytes()[:3000])
    for _ in range(2):
        report = house.run()
        assert report.status is RunStatus.DEGRADED, report
        assert "db.sqlite3: " in report.reason
        assert first in house.generations
    path.unlink()
    house.refused("there is no SQLite database")


def test_a_companion_that_is_missing_is_noted(tmp_path: Path, house: House) -> None:
    (tmp_path / "data/rsa_key.pem").unlink()
    (tmp_path / "data/rsa_key.pub").unlink()
    report = house.run()
    assert report.status is RunStatus.NOTED, report
    assert "nothing beside it is named rsa_key*" in report.reason


OTHER = "its content is not what the record of the dump says"


def test_what_rots_beside_a_database_is_told(house: House) -> None:
    dump = house.good()
    assert {one.name: one.files for one in house.record.files} == {
        b"attachments": 1, b"db.sqlite3": None, b"rsa_key.pem": None, b"rsa_key.pub": None,
    }  # fmt: skip
    for name in ("attachments/a/b", "rsa_key.pem"):
        (dump / name).write_text("rotten")
    done = house.ask_back("shop:", "--to", str(house.top / "came"))
    assert done.code == 6, (done.out, done.err)
    for name in ("attachments/a/b", "rsa_key.pem"):
        assert f"{name}: {OTHER}" in done.out + done.err
    for number, name in enumerate(("attachments", "attachments/a/b")):
        done = house.ask_back(f"shop:{name}", "--to", str(house.top / f"part{number}"))
        assert done.code == 6, (done.out, done.err)
        assert OTHER in done.out + done.err
    (dump / "contents.sha256").unlink()
    done = house.ask_back("shop:attachments/a/b", "--to", str(house.top / "part2"))
    assert "contents.sha256 is not there: what is in folders" in done.out + done.err
    (dump / "contents.json").unlink()
    done = house.ask_back("shop:attachments/a/b", "--to", str(house.top / "part3"))
    assert "its record cannot be read" in done.out + done.err


def test_a_run_reads_only_what_changed_beside_a_database(house: House) -> None:
    """The sum of what is linked comes of the dump before: what rots since then is told, too."""
    first = house.good()
    (first / "attachments/a/b").write_text("rotten!!")
    os.utime(
        first / "attachments/a/b", ns=(0, (house.top / "data/attachments/a/b").stat().st_mtime_ns)
    )
    second = house.good()
    assert (first / "attachments/a/b").samefile(second / "attachments/a/b")
    assert (first / "contents.sha256").read_bytes() == (second / "contents.sha256").read_bytes()
    done = house.ask_back("shop:", "--to", str(house.top / "came"))
    assert f"attachments/a/b: {OTHER}" in done.out + done.err


@pytest.mark.parametrize("name", ["contents.json", "contents.sha256"])
def test_a_companion_that_is_called_as_the_record_is_told(
    tmp_path: Path, house: House, name: str
) -> None:
    write(tmp_path / "data" / name, "{}")
    house.source = house.source.replace('"rsa_key*"', '"rsa_key*", "contents*"')
    report = house.degraded(f"{name} is what the record of a dump is called, or its sums")
    assert report.status is RunStatus.DEGRADED
    assert house.names == ["db.sqlite3"]


# ── Programs ─────────────────────────────────────────────────────────────────────────────────


def program(folder: Path, text: str) -> Path:
    path = folder / "export"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def printing(folder: Path, text: str, file: str = "settings.json") -> House:
    run = json.dumps([str(program(folder, text)), "$(id)", "a b'\""])
    return House(folder, f"kind: command, run: {run}, file: {file}")


def test_what_a_program_prints_comes_back(tmp_path: Path) -> None:
    house = printing(tmp_path, 'printf \'["%s"]\' "$1"')
    house.good()
    assert house.names == ["settings.json"]
    house.ask_back("shop:", "--to", str(tmp_path / "came"))
    (came,) = (tmp_path / "came").rglob("settings.json")
    assert came.read_text() == '["$(id)"]', "no shell has read it"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("printf '{\"a\": [1}'", "settings.json: it is no json"),
        ("exit 0", "settings.json: it would be empty"),
        ("echo '{}'; echo no luck >&2; exit 3", "settings.json: no luck"),
        ("echo '{}'; exit 3", "settings.json: it ended with 3"),
        ("echo '{}'; kill -9 $$", "settings.json: it ended with -9"),
    ],
)
def test_law_18_what_is_no_artefact_is_none(tmp_path: Path, text: str, why: str) -> None:
    house = printing(tmp_path, "echo '{}'")
    first = house.good()
    program(tmp_path, text)
    house.refused(why)
    assert house.generations == [first]


@pytest.mark.parametrize("name", ["contents.json", "Contents.JSON", "contents.sha256"])
def test_what_would_be_called_as_the_record_is_refused(tmp_path: Path, name: str) -> None:
    house = printing(tmp_path, "echo '{}'", name)
    with pytest.raises(PolicyInvalid, match="is of the record that lies in each dump"):
        house.run()


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    house = printing(tmp_path, "echo '{}'")
    (tmp_path / "export").unlink()
    house.refused("export is not there, or may not be run")


def test_law_18_output_that_shrinks_is_told(tmp_path: Path) -> None:
    house = printing(tmp_path, "head -c 200000 /dev/zero | tr '\\0' a", "list.txt")
    house.good()
    program(tmp_path, "head -c 90000 /dev/zero | tr '\\0' a")
    house.degraded("list.txt has 87.9 KiB, and had 195.3 KiB")
    house.good(Waiver.SMALLER_SOURCE)


def filling(folder: Path, text: str) -> House:
    run = json.dumps([str(program(folder, text)), "--into={directory}"])
    return House(folder, f"kind: command, run: {run}")


FILL = 'into="${1#--into=}"'


@pytest.fixture
def shrunk(tmp_path: Path) -> House:
    """Two good dumps, and two that are much smaller, as their own records say."""
    house = House(tmp_path, f"kind: command, run: [cat, {tmp_path}/rows], file: rows.txt")
    (tmp_path / "rows").write_text("a row\n" * 20_000)
    for _ in range(2):
        house.good()
    (tmp_path / "rows").write_text("1\n")
    for _ in range(2):
        house.degraded("smaller")
    return house


def test_law_33_without_records_a_bad_dump_is_no_measure(shrunk: House) -> None:
    """The state was lost: each dump says itself what its run has said against it."""
    shrunk.plan()
    with open_state(shrunk.places.state_file) as state:
        state.connection.execute("UPDATE generation SET standing = 'complete'")
        state.connection.commit()
    before = shrunk.generations
    shrunk.degraded("smaller")
    assert shrunk.generations[:-1] == before


def test_law_18_a_dump_that_is_dated_in_the_future_is_no_measure(tmp_path: Path) -> None:
    house = House(tmp_path, f"kind: command, run: [cat, {tmp_path}/rows], file: rows.txt")
    rows = tmp_path / "rows"
    rows.write_text("a\n")
    today = house.now
    house.now += timedelta(days=3650)
    house.good()
    house.now = today
    rows.write_text("a row\n" * 20_000)
    house.good()
    rows.write_text("a\n" * 100)
    house.degraded("smaller")


def test_the_folder_that_a_program_fills_comes_back(tmp_path: Path) -> None:
    house = filling(tmp_path, f'{FILL}; mkdir "$into/a"; echo 1 > "$into/a/b"; ln -s b "$into/a/c"')
    dump = house.good()
    assert house.names == ["files"]
    before = tree(dump / "files")
    house.ask_back("shop:", "--to", str(tmp_path / "came"))
    (came,) = [path for path in (tmp_path / "came").rglob("files") if path.is_dir()]
    assert tree(came) == before == {
        b"a": ("directory", b""), b"a/b": ("file", b"1\n"), b"a/c": ("link", b"b"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exit 0", "files: no file is in it"),
        (f'{FILL}; echo 1 > "$into/a"; echo no luck >&2; exit 1', "files: no luck"),
        (f'{FILL}; rm -r "$into"; echo 1 > "$into"', "files: "),
        (f'{FILL}; rm -r "$into"; ln -s /etc "$into"', "files: "),
        (f'{FILL}; rm -r "$into"', "files: "),
    ],
)
def test_law_18_a_folder_that_was_not_filled_is_no_dump(
    tmp_path: Path, text: str, why: str
) -> None:
    house = filling(tmp_path, f'{FILL}; echo 1 > "$into/a"')
    first = house.good()
    program(tmp_path, text)
    house.refused(why)
    assert house.generations == [first]


def test_what_rots_in_a_folder_is_told(tmp_path: Path) -> None:
    house = filling(tmp_path, f'{FILL}; mkdir "$into/a"; echo 1 > "$into/a/b"; echo 2 > "$into/c"')
    dump = house.good()
    assert [(one.name, one.files, one.size) for one in house.record.files] == [(b"files", 2, 4)]
    (dump / "files/a/b").write_text("3\n")
    (dump / "files/c").unlink()
    done = house.ask_back("shop:", "--to", str(house.top / "came"))
    assert done.code == 6
    assert f"files/a/b: {OTHER}" in done.out + done.err
    assert "files/c: it is in the record of the dump, and not here" in done.out + done.err


@pytest.mark.root
@pytest.mark.tool("mount", "umount")
def test_a_full_disk_fails_the_run_and_gets_its_room_back(tmp_path: Path) -> None:
    house = filling(tmp_path, f'{FILL}; echo 1 > "$into/a"')
    with small_disk(house, "3m"):
        house.good()
        free = os.statvfs(house.disk).f_bfree
        program(tmp_path, f'{FILL}; head -c 9000000 /dev/zero > "$into/a"')
        house.refused("No space left on device")
        assert os.statvfs(house.disk).f_bfree == free


def test_a_program_that_hangs_has_its_time(tmp_path: Path) -> None:
    house = filling(tmp_path, f'{FILL}; echo 1 > "$into/a"; sleep 60')
    house.timeout = "2s"
    assert house.refused("").status is RunStatus.TIMED_OUT


def test_law_18_where_no_record_can_be_read_nothing_older_goes(tmp_path: Path) -> None:
    house = printing(tmp_path, "head -c 200000 /dev/zero | tr '\\0' a", "list.txt")
    first, second = house.good(), house.good()
    for one in (first, second):
        (one / "contents.json").write_text("")
    write(tmp_path / "export", "#!/bin/sh\necho a\n")
    for _ in range(2):
        house.degraded("the record of no earlier dump can be read")
        assert {first, second} <= set(house.generations)
    house.good(Waiver.SMALLER_SOURCE)


def test_a_record_that_is_a_pipe_keeps_no_run(tmp_path: Path) -> None:
    house = printing(tmp_path, "echo '{}'")
    record = house.good() / "contents.json"
    record.unlink()
    os.mkfifo(record)
    house.degraded("the record of no earlier dump can be read")


def test_a_companion_that_is_called_as_the_archive_of_companions_would_be(tmp_path: Path) -> None:
    make(tmp_path / "data/beside.tar")
    write(tmp_path / "data/key.pem", "key")
    house = House(tmp_path, f"kind: sqlite, path: {tmp_path}/data/beside.tar, with: ['*.pem']")
    house.options["encrypt"] = f"{{age: [{KEY}]}}"
    house.good()
    assert house.names == ["beside-it.tar.age", "beside.tar.age"]
    assert len({one.name for one in house.record.files}) == 2


KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@pytest.mark.root
def test_law_18_companions_without_their_database_are_no_dump_of_a_full_disk(
    tmp_path: Path, house: House
) -> None:
    with closing(sqlite3.connect(tmp_path / "data/db.sqlite3")) as database:
        database.execute("CREATE TABLE large AS SELECT randomblob(4000000) AS v")
        database.commit()
    with small_disk(house, "2m"):
        report = house.run()
        assert report.status is RunStatus.FAILED
        assert "full" in report.reason
        assert house.generations == []
