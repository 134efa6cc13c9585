"""Encrypted copies come back, and are opened by the same command with a key, now or later."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.databases import make
from tests.integration.dumping import House, instead
from tests.integration.lab import write

pytestmark = pytest.mark.tool("age", "age-keygen")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = tmp_path / "key.txt"
    subprocess.run(["age-keygen", "-o", made], check=True, capture_output=True)
    return made


@pytest.fixture
def house(tmp_path: Path, key: Path) -> House:
    make(tmp_path / "data/app.db")
    write(tmp_path / "data/salt.txt", "salt")
    found = House(tmp_path, f"kind: sqlite, path: {tmp_path}/data/app.db, with: ['*.txt']")
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True)
    found.options["encrypt"] = f"{{age: [{public.stdout.strip()}]}}"
    found.good()
    return found


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def database(path: Path) -> bool:
    return path.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("to", [(), ("--to", "back")], ids=["new", "named"])
def test_the_same_command_goes_on_with_a_key(house: House, key: Path, to: tuple[str, ...]) -> None:
    folder = house.top / (to[1] if to else "restored-from-disk")
    shut = house.ask_back("shop:", *to)
    assert shut.code == 0, shut.err
    assert "the same command with --identity KEY opens it" in shut.out
    assert "app.db.age" in names(folder / "shop")
    again = house.ask_back("shop:", *to)
    assert again.code == 0, again.err
    opened = house.ask_back("shop:", *to, "--identity", str(key))
    assert opened.code == 0, opened.err
    assert "2 files opened: what lies there now is in the clear" in opened.out
    assert "encrypted" not in opened.out
    assert names(folder) == ["shop"], "nothing of the engine's own stays"
    assert names(folder / "shop") == sorted(names_of(house))
    assert database(folder / "shop/app.db")


def names_of(house: House) -> list[str]:
    """The names in the newest dump, opened."""
    return [*(one.removesuffix(".age") for one in house.names), "contents.json"]


def test_a_wrong_key_keeps_the_right_one_from_nothing(house: House, key: Path) -> None:
    wrong = house.top / "wrong"
    subprocess.run(["age-keygen", "-o", wrong], check=True, capture_output=True)
    done = house.ask_back("shop:", "--identity", str(wrong), "--json")
    assert done.code == 5
    (why,) = json.loads(done.out)["not_opened"]
    assert "could not be opened with that key" in why
    assert "the same command tries it again" in done.err
    told = house.ask_back("shop:", "--identity", str(wrong))
    assert told.code == 5
    assert f"it is still encrypted: {wrong} has not opened it; with its own key, for" in told.out
    assert "the same command with --identity KEY opens it" not in told.out
    assert "that key: no identity matched any of the recipients; what does not open" in told.err
    assert "report" not in told.err
    opened = house.ask_back("shop:", "--identity", str(key), "--json")
    assert opened.code == 0, opened.err
    came = house.top / "restored-from-disk/shop"
    paths = {one["path"] for one in json.loads(opened.out)["opened"]}
    assert paths == {str(came / name) for name in names_of(house) if name != "contents.json"}


def test_a_key_that_is_not_there_is_told_before_anything_comes(house: House) -> None:
    done = house.ask_back("shop:", "--identity", "nowhere.txt")
    assert done.code == 2
    assert "there is no nowhere.txt with a key in it; nothing was restored" in done.err
    assert not (house.top / "restored-from-disk").exists()


def test_a_file_is_told_by_the_name_that_it_has_then(house: House, key: Path) -> None:
    done = house.ask_back("shop:app.db", "--to", "back", "--identity", str(key))
    assert done.code == 0, done.err
    assert f"to        {house.top}/back/app.db\n" in done.out
    assert f"restored {house.top}/back/app.db: 1 entry" in done.out
    assert names(house.top / "back") == ["app.db"]
    size = database(house.top / "back/app.db") and (house.top / "back/app.db").stat().st_size
    told = house.ask_back("shop:app.db", "--identity", str(key), "--json").json
    assert (told["to"], told["bytes"]) == (f"{house.top}/restored-from-disk/app.db", size)
    twice = house.ask_back("shop:app.db", "--identity", str(key))
    assert twice.code == 5
    assert "restored-from-disk/app.db is there already" in twice.err
    assert names(house.top / "restored-from-disk") == ["app.db"]


@pytest.mark.parametrize("subject", ["shop:", "shop:app.db"])
@pytest.mark.parametrize("killed", ["kill -9 $PPID; sleep 1", 'real "$@"; kill -9 $PPID; sleep 1'])
def test_killed_amid_the_opening_the_same_command_goes_on(
    house: House, key: Path, monkeypatch: pytest.MonkeyPatch, subject: str, killed: str
) -> None:
    words = (subject, "--to", "back", "--identity", str(key))
    with monkeypatch.context() as patched:
        instead(patched, house.top, "age", killed)
        assert house.ask_back(*words).code == -9
    (house.top / "bin/age").unlink()
    done = house.ask_back(*words)
    assert done.code == 0, done.err
    (came,) = (house.top / "back").iterdir()
    assert database(came / "app.db" if came.is_dir() else came)
    assert not came.is_dir() or names(came) == sorted(names_of(house))


def test_another_dump_is_not_taken_for_the_one_that_came(house: House, key: Path) -> None:
    assert house.ask_back("shop:").code == 0
    house.good()
    done = house.ask_back("shop:", "--identity", str(key))
    assert done.code == 5
    assert "is there already" in done.err
    assert "app.db.age" in names(house.top / "restored-from-disk/shop")


def test_what_is_doubted_is_not_opened_later_as_if_nothing_were(house: House, key: Path) -> None:
    other = house.generations[-1] / "app.db.age"
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True)
    other.unlink()
    command = ["age", "--recipient", public.stdout.strip(), "--output", str(other)]
    subprocess.run(command, input=b"not what the record says", check=True)
    first = house.ask_back("shop:")
    assert first.code == 6, first.err
    assert "the same command" not in first.out
    second = house.ask_back("shop:", "--identity", str(key))
    assert second.code == 5
    assert "is there already" in second.err


def test_explain_shows_the_opening(house: House, key: Path) -> None:
    done = house.ask_back("shop:", "--identity", str(key), "--explain")
    assert f"5. open what is encrypted of it with the key in {key}" in done.out
    assert not (house.top / "restored-from-disk").exists()
