"""`policyctl restore` of dumps as a user meets it: by what name a database is found, and where."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from engine.dumps.record import DumpRecord, FileRecord, record_to_json
from tests.e2e.test_cli import Machine

pytestmark = pytest.mark.tool("rsync")

PLACES = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {path: /mnt/disk, media: hdd, site: home}
  nas: {ssh: backup@nas.example.net, path: /volume1/copies, media: nas, site: office}
"""
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
SERVER = f"""\
{PLACES}sources:
  pg: {{kind: postgresql, connect: {{host: localhost}}}}
legs:
  plain: {{kind: dump, from: pg, to: "disk:/plain", per: database, schedule: "01:00",
          keep: {{last: 3}}}}
  shut: {{kind: dump, from: pg, to: "disk:/shut", per: database, schedule: "02:00",
         keep: {{last: 3}}, encrypt: {{age: [{KEY}]}}}}
  whole: {{kind: dump, from: pg, to: "disk:/whole", schedule: "03:00", keep: {{last: 3}}}}
"""
DEVICE = f"""\
{PLACES}sources:
  firewall: {{kind: device, ssh: admin@192.0.2.1}}
legs:
  fw: {{kind: fetch, from: firewall, to: "disk:/fw", files: {{config.xml: [cat, /config.xml]}},
       schedule: "01:00", keep: {{last: 3}}}}
  fw-shut: {{kind: fetch, from: firewall, to: "disk:/fw-shut", files: {{config.xml: [cat, /c]}},
            schedule: "01:00", keep: {{last: 3}}, encrypt: {{age: [{KEY}]}}}}
"""


def dump(machine: Machine, leg: str, day: int, *names: str, **databases: str) -> str:
    """A generation as a leg leaves it; gives its name."""
    generation = f"2026-11-{day:02}T01-00-00Z"
    folder = f"mnt/disk/{leg}/{generation}"
    for name in names:
        machine.write(f"{folder}/{name}", "data")
    files = (
        FileRecord(
            name=one.encode(),
            size=4,
            sha256=hashlib.sha256(b"data").hexdigest(),
            nature="x",
            database=databases.get(one, ""),
        )
        for one in names
    )
    record = DumpRecord(
        source="pg", server="s", client="c", began="2026-11-01T01:00:00+00:00", files=tuple(files)
    )
    machine.write(f"{folder}/contents.json", record_to_json(record))
    return generation


@pytest.fixture
def server(tmp_path: Path) -> Machine:
    return Machine(tmp_path, SERVER)


@pytest.fixture
def device(tmp_path: Path) -> Machine:
    return Machine(tmp_path, DEVICE)


def listed(machine: Machine, subject: str, *more: str) -> list[tuple[str, str]]:
    """Which versions there are, the newest first, each with the name of its file."""
    done = machine("restore", subject, "--list", "--json", *more)
    assert done.code == 0, done.err
    return [(one["from"], Path(one["path"]).name) for one in done.json["versions"]]


def test_each_leg_has_a_database_under_a_name_of_its_own(server: Machine) -> None:
    old = dump(server, "plain", 1, "orders.dump", "globals.sql.zst")
    new = dump(server, "shut", 2, "orders.dump.age", "globals.sql.zst.age")
    both = [(f"disk:{new}", "orders.dump.age"), (f"disk:{old}", "orders.dump")]
    for typed in ("pg:orders", "pg:orders.dump"):
        assert listed(server, typed) == both
    told = server("restore", "pg:orders", "--explain").out
    assert f"takes     disk:{new}: " in told
    assert f"not       disk:{old}: " in told
    assert "the only one" not in told
    assert f"to        {server.folder}/restored-from-disk/orders.dump.age\n" in told
    note = f"note      it is encrypted, and stays so without --identity KEY; generation {old[:16]}"
    assert note in told
    assert f"which plain has made, is in the clear: --from disk:{old}\n" in told
    made = server("restore", "pg:orders", "--from", "plain", "--explain").out
    assert f"takes     disk:{old}: " in made
    assert "because   it is the only one of those that plain has made that may be taken" in made
    assert "--from asks for what plain has made" in made


def test_each_dump_is_asked_by_its_own_names(server: Machine) -> None:
    """What its record says of a file holds, whatever the file is called."""
    one = dump(server, "plain", 1, "orders.dump", "Orders~0123456789abcdef.dump",
               **{"Orders~0123456789abcdef.dump": "Orders", "orders.dump": "orders"})  # fmt: skip
    two = dump(server, "plain", 2, "Orders.dump")
    assert listed(server, "pg:Orders") == [
        (f"disk:{two}", "Orders.dump"), (f"disk:{one}", "Orders~0123456789abcdef.dump")
    ]  # fmt: skip
    assert listed(server, "pg:orders") == [(f"disk:{one}", "orders.dump")]


def test_a_damaged_one_names_the_copy_of_another_name(server: Machine) -> None:
    old = dump(server, "plain", 1, "orders.dump")
    new = dump(server, "shut", 2, "orders.dump.age")
    server.write(f"mnt/disk/shut/{new}/orders.dump.age", "rot!")
    done = server("restore", "pg:orders")
    assert done.code == 6, done.err
    assert "the next best: `policyctl restore pg:orders " in done.err
    assert f"--from disk:{old} " in done.err
    named = server("restore", "pg:orders", "--from", "shut", "--to", "./two")
    assert f"--from disk:{old} " in named.err, "also where one leg's were asked for"


def test_nothing_else_is_said_only_where_nothing_else_is(server: Machine) -> None:
    only = dump(server, "plain", 1, "orders.dump")
    dump(server, "whole", 2, "all.sql.zst")
    server.write(f"mnt/disk/plain/{only}/orders.dump", "rot!")
    done = server("restore", "pg:orders")
    assert done.code == 6, done.err
    assert (
        "there is no other copy to take; all.sql.zst of whole holds all databases of the "
        "server: `policyctl restore pg: --from whole --root"
    ) in done.err


def test_a_file_of_a_device_is_found_by_each_name_that_it_has(device: Machine) -> None:
    old = dump(device, "fw", 1, "config.xml")
    older = dump(device, "fw-shut", 2, "config.xml.age")
    # As the leg once kept it.
    new = dump(device, "fw", 3, "config.xml.age")
    assert listed(device, "firewall:config.xml") == [
        (f"disk:{new}", "config.xml.age"), (f"disk:{older}", "config.xml.age"),
        (f"disk:{old}", "config.xml"),
    ]  # fmt: skip


def test_a_name_that_no_dump_has_is_told_with_those_that_there_are(device: Machine) -> None:
    dump(device, "fw", 1, "config.xml", "rules")
    done = device("restore", "firewall:confg.xml")
    assert done.code == 5
    assert (
        "no file of firewall is called confg.xml: what is there is config.xml, rules; nothing was"
    ) in done.err


def test_explain_says_which_file_holds_it_and_how_to_get_that(server: Machine) -> None:
    dump(server, "plain", 1, "orders.dump")
    dump(server, "shut", 2, "orders.dump.age", "gone.dump.age")
    dump(server, "whole", 3, "all.sql.zst")
    done = server("explain", "pg:orders")
    assert done.code == 0, done.err
    assert "the file is orders.dump.age or orders.dump; all.sql.zst of whole holds all" in done.out
    assert "  (as old" not in done.out
    copies = server("explain", "pg:orders", "--json").json["copies"]
    assert [(one["path"], one["leg"]) for one in copies] == [
        ("/mnt/disk/plain/*/orders.dump", "plain"), ("/mnt/disk/shut/*/orders.dump.age", "shut")
    ]  # fmt: skip
    for leg in ("plain", "shut"):
        (command,) = [one for one in done.out.split("`") if f"--from {leg}" in one]
        assert command.startswith("policyctl restore pg:orders --from ")
        again = server(*command.split()[1:4], leg, "--explain")
        assert f" ({leg})\n" in again.out.partition("because")[0], again.err
    assert "of whole holds all" not in server("explain", "pg:all.sql.zst").out


def test_explain_says_that_no_dump_holds_a_name(server: Machine) -> None:
    dump(server, "plain", 1, "orders.dump")
    dump(server, "whole", 3, "all.sql.zst")
    done = server("explain", "pg:anything")
    assert done.code == 0, "as of a path that nobody knows"
    assert "leg         none: no copy is made" in done.out
    assert (
        "because     no file of pg is called anything, and none holds a database of that name "
        "alone: what is there is all.sql.zst, orders.dump; all.sql.zst of whole holds all "
        "databases of the server: `policyctl restore pg: --from whole --root"
    ) in done.out
    assert "get back" not in done.out


def test_explain_says_that_a_device_has_said_nothing_of_a_name(device: Machine) -> None:
    dump(device, "fw", 1, "config.xml")
    told = device("explain", "firewall:rules").out
    assert "no file of firewall is called rules: what is there is config.xml" in told
    assert "get back" not in told


def test_where_several_legs_write_to_one_place_each_copy_names_its_leg(server: Machine) -> None:
    one = dump(server, "plain", 1, "orders.dump")
    two = dump(server, "whole", 2, "all.sql.zst")
    done = server("restore", "pg:", "--list")
    assert f"disk:{two} (whole)  " in done.out
    assert f"disk:{one} (plain)  " in done.out
    assert "  -  disk (shut)  it does not hold the path\n" in done.out
    assert "/mnt/disk/shut/* (shut): it does not hold" in server("restore", "pg:", "--explain").out


@pytest.mark.parametrize(("typed", "meant"), [("plane", " (did you mean plain?)"), ("x", "")])
def test_an_unknown_copy_is_told_with_places_and_legs(
    server: Machine, typed: str, meant: str
) -> None:
    done = server("restore", "pg:", "--from", typed)
    assert done.code == 5
    assert (
        f"--from {typed} is no copy of pg:{meant}; there are: disk, and what a leg has made: "
        "plain, shut, whole; nothing was restored"
    ) in done.err


def test_a_source_of_which_there_is_nothing_has_one_colon(server: Machine) -> None:
    done = server("restore", "pg:")
    assert done.code == 5
    assert "holds pg: is the path right, and its disk there?" in done.err


def test_a_pattern_stands_for_names_in_a_dump(server: Machine) -> None:
    generation = dump(server, "plain", 1, "orders.dump", "other.dump", "globals.sql.zst")
    done = server("restore", "pg:o*.dump", "--glob", "--to", "./came")
    assert done.code == 0, (done.out, done.err)
    came = server.folder / "came/pg"
    assert sorted(one.name for one in came.iterdir()) == ["orders.dump", "other.dump"]
    assert done.out.count("pg_restore --create") == 2
    server.write(f"mnt/disk/plain/{generation}/other.dump", "rot!")
    rotten = server("restore", "pg:ot*", "--glob", "--to", "./rotten")
    assert rotten.code == 6
    assert "differs   other.dump: its content is not what the record of the dump says" in rotten.out
    good = server("restore", "pg:or*", "--glob", "--to", "./good")
    assert good.code == 0, "of what nobody wanted nothing is missing"
    none = server("restore", "pg:x*", "--glob", "--to", "./none")
    assert none.code == 5
    assert "holds nothing that the pattern matches" in none.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "fw:",
            "fw is a leg of the source firewall: type `policyctl restore firewall: --from fw --roo",
        ),
        ("fw:config.xml", "type `policyctl restore firewall:config.xml --from fw --root"),
        ("firewal:", "firewal is no source of this policy; did you mean firewall:?"),
        ("nothing:x", "nothing is no source of this policy; there are: firewall"),
        ("nas:", "nas is a destination, and no source (--from nas); there are: firewall"),
    ],
)
def test_what_is_no_source_is_told_with_what_to_type(
    device: Machine, typed: str, told: str
) -> None:
    done = device("restore", typed)
    assert done.code == 5
    assert told in done.err
    assert "::" not in done.err
    if "policyctl restore" in told:
        dump(device, "fw", 1, "config.xml")
        words = done.err.split("`")[1].split()
        again = device(*words[1:5], "--explain")
        assert again.code == 0, again.err
