"""Copies that get their new names at their destination: nothing is sent, and none is lost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.orphans.migration import Move
from engine.records.reports import FeedReport, RunStatus
from engine.runs.observation import Waiver
from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.host.relocate import NotRenamed
from engine.system.journal.journal import open_journal
from engine.system.orphans import migrate
from engine.system.orphans.clean_up import cleaning
from engine.system.orphans.migrate import Migrator
from engine.system.runs.runner import run_leg
from engine.system.state.state import open_state, stream_of
from tests.integration.house import House, words
from tests.integration.lab import HOSTILE, at, only, tree, write
from tests.integration.mounts import CHECKOUT
from tests.integration.sshd import Server, serving

pytestmark = pytest.mark.tool("rsync", "sshd", "ssh-keygen")

ONWARD = '  onward: {kind: mirror, from: disk, to: "big:/y", schedule: "05:00", full_every: 300d}\n'


def local(folder: Path) -> House:
    return House(top=folder, host=socket.gethostname(), places=Places(root=folder))


def remote(folder: Path, server: Server, path: str = "") -> House:
    """The second destination lies on another machine."""
    top = folder / "top"
    return House(
        top=top,
        host=socket.gethostname(),
        # Not below another root: there an SSH destination would be a local directory.
        places=Places(state=folder / "state"),
        below=str(top),
        big=f"path: {path or f'{top}/mnt/big'}, {server.yaml()}",
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "server") as server:
        yield server


@pytest.fixture(params=["local", "ssh"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """The NAS is a directory of this machine, or behind a real sshd."""
    if request.param == "local":
        return local(tmp_path)
    return remote(tmp_path, request.getfixturevalue("server"))


@pytest.fixture
def here(tmp_path: Path) -> House:
    """What does not depend on where the NAS lies."""
    return local(tmp_path)


def big(house: House) -> Path:
    return house.top / "mnt/big"


def passed(house: House, leg: str) -> FeedReport:
    """A pass that succeeds, and finds nothing that is not its own."""
    report = only(house.run(leg))
    assert (report.reason, report.foreign) == ("", ())
    return report


def both_hops(house: House) -> None:
    """`photos` and `texts` ride to the disk, and from there to the NAS."""
    for name in HOSTILE:
        write(at(house.data, b"photos", name, name), b"photo " + name)
    write(house.data / "photos/film", b"f" * 200_000)
    write(house.data / "texts/c", b"three")
    for number in range(60):  # a disk on which little is left would be taken for another one
        write(house.data / f"texts/{number}", b"text")
    house.apply(house.text(legs=ONWARD))
    for leg in ("nightly", "direct", "onward"):
        house.run(leg)


# ── From a later hop to a direct one ─────────────────────────────────────────────────────────


def test_law_03_what_leaves_the_disk_is_renamed_at_the_nas(house: House) -> None:
    both_hops(house)
    house.apply(house.text("photos: direct", legs=ONWARD))
    assert house.orphans().keys() == {"disk:/photos", "big:/y/photos"}
    live = tree(house.data / "photos")
    assert [words(one) for one in house.moves("big:/y/photos")] == ["big:/y/photos → big:/x/photos"]
    assert (big(house) / "y/photos/film").exists(), "a look renames nothing"
    done = house.migrate("big:/y/photos")
    assert (len(done.moved), done.stays) == (1, ())
    assert house.said == ["big:/y/photos → big:/x/photos"]
    assert tree(big(house) / "x/photos") == live
    assert not (big(house) / "y/photos").exists()
    (stone,) = house.tombstones()
    assert (str(stone.place), stone.renamed, stone.files) == (
        "big:/y/photos",
        "big:/x/photos",
        len(HOSTILE) + 1,
    )
    # The leg finds its copies there, and sends nothing of them.
    assert (passed(house, "direct").files, passed(house, "direct").deleted) == (0, 0)
    # The disk keeps its own until somebody removes it, and nobody sends that on again.
    assert house.orphans().keys() == {"disk:/photos"}
    assert tree(house.disk / "photos") == live
    passed(house, "nightly")
    onward = passed(house, "onward")
    assert (onward.files, onward.deleted) == (0, 0)
    assert not (big(house) / "y/photos").exists()
    # `gc` proves it by the copy that was renamed; nothing at the NAS goes with it.
    assert house.verify("disk:/photos") == ""
    before = tree(big(house))
    house.remove("disk:/photos")
    passed(house, "onward")
    passed(house, "direct")
    assert tree(big(house)) == before


def test_law_03_gc_at_the_disk_costs_no_copy_at_the_next_hop(here: House) -> None:
    """Nobody has compared that one: it is an orphan of its own."""
    both_hops(here)
    for route in ("photos: direct", "photos/*: direct"):
        here.apply(here.text(route, legs=ONWARD))
        here.run("direct")
        here.remove(f"disk:/{route.split(':')[0]}")
        passed(here, "onward")
        assert (big(here) / "y/photos/film").exists()
        here.apply(here.text(legs=ONWARD))
        here.run("nightly")


def test_law_03_nor_where_all_but_one_have_left(here: House) -> None:
    both_hops(here)
    text = here.text("texts: nightly", legs=ONWARD)
    here.apply(text.replace("/srv/data: nightly", "/srv/data: direct"))
    assert here.orphans().keys() == {"disk:/", "big:/y"}
    here.run("direct")
    here.remove("disk:/")
    passed(here, "onward")
    assert (big(here) / "y/photos/film").exists()
    assert (big(here) / "y/texts/c").exists()


def test_what_has_changed_meanwhile_is_sent(here: House) -> None:
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))
    write(here.data / "photos/new", b"new")
    (here.data / "photos/film").write_bytes(b"g" * 200_000)
    at(here.data, b"photos", HOSTILE[0], HOSTILE[0]).unlink()
    here.migrate("big:/y/photos")
    assert here.plan is not None
    stopped = run_leg(here.plan, "direct", places=here.places, clock=lambda: here.now)
    assert stopped.status is RunStatus.GUARD, "what was renamed may be the only copy"
    assert only(stopped).files == 2
    allowed = frozenset({Waiver.DELETIONS})
    report = run_leg(
        here.plan, "direct", places=here.places, clock=lambda: here.now, waived=allowed
    )
    assert (only(report).files, only(report).deleted) == (0, 1)
    assert tree(big(here) / "x/photos") == tree(here.data / "photos")
    (here.data / "photos/new").unlink()
    assert passed(here, "direct").deleted == 1


# ── Back: the disk comes first ───────────────────────────────────────────────────────────────


def test_law_01_back_it_waits_until_the_disk_has_it(house: House) -> None:
    """`onward` deletes at the NAS what it does not find at the disk."""
    both_hops(house)
    house.apply(house.text("photos: direct", legs=ONWARD))
    house.migrate("big:/y/photos")
    house.run("direct")
    house.remove("disk:/photos")
    house.apply(house.text(legs=ONWARD))
    assert house.orphans().keys() == {"big:/x/photos"}
    live = tree(house.data / "photos")
    for _ in range(2):
        done = house.migrate("big:/x/photos")
        assert done.moved == ()
        assert "`policyctl run nightly` first" in done.stays[0].why
        assert done.stays[0].belongs
        passed(house, "onward")
        assert tree(big(house) / "x/photos") == live
    passed(house, "nightly")
    assert len(house.migrate("big:/x/photos").moved) == 1
    assert tree(big(house) / "y/photos") == live
    onward = passed(house, "onward")
    assert (onward.files, onward.deleted) == (0, 0)
    assert house.orphans() == {}


def test_what_a_later_hop_has_sent_by_itself_is_not_overwritten(here: House) -> None:
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))
    here.migrate("big:/y/photos")
    here.apply(here.text(legs=ONWARD))
    passed(here, "nightly")
    passed(here, "onward")
    (stay,) = here.migrate("big:/x/photos").stays
    assert stay.why == "big:/y/photos is there already, and nothing is overwritten"
    assert here.verify("big:/x/photos") == "", "so gc may remove it"


# ── A leg that writes somewhere else ─────────────────────────────────────────────────────────


def services(house: House) -> int:
    """So many directories; fewer where each is asked for over there."""
    count = 12 if house.big else 84
    for number in range(count):
        write(house.data / f"service-{number:02}/data", b"%d" % number)
    house.apply(house.text(legs=ONWARD))
    for leg in ("nightly", "direct", "onward"):
        house.run(leg)
    house.apply(house.text(legs=ONWARD.replace("big:/y", "big:/deep/z")))
    return count


def test_a_whole_leg_and_one_that_is_there_already(house: House) -> None:
    count = services(house)
    write(big(house) / "deep/z/service-07/theirs", b"somebody's")
    done = house.migrate("big:/y")
    assert len(done.moved) == count - 1
    (stay,) = done.stays
    assert words(stay) == (
        "big:/y/service-07: big:/deep/z/service-07 is there, and not onward's: nothing is "
        "overwritten"
    )
    assert (big(house) / "deep/z/service-07/theirs").read_bytes() == b"somebody's"
    assert house.orphans().keys() == {"big:/y"}
    assert house.tombstones() == ()
    (big(house) / "deep/z/service-07/theirs").rename(house.top / "theirs")
    (big(house) / "deep/z/service-07").rmdir()
    done = house.migrate("big:/y")
    assert [words(one) for one in done.moved] == ["big:/y/service-07 → big:/deep/z/service-07"]
    assert [one.renamed for one in house.tombstones()] == ["big:/deep/z"]
    assert house.orphans() == {}
    report = passed(house, "onward")
    assert (report.files, report.deleted) == (0, 0)
    assert tree(big(house) / "deep/z").keys() >= tree(house.data).keys() - {
        b"other",
        b"other/always",
    }
    assert tree(big(house) / "y") == {}


def test_a_later_hop_takes_along_what_another_leg_makes_at_the_disk(here: House) -> None:
    extra = '  extra: {kind: mirror, from: more, to: "disk:/sub/more", schedule: "05:00"}\n'

    def text(legs: str) -> str:
        more = f"  more: {{kind: tree, path: {here.below}/srv/more}}\nlegs:"
        return here.text(legs=extra + legs).replace("legs:", more, 1)

    write(here.top / "srv/more/1", b"1")
    write(here.data / "texts/c", b"three")
    here.apply(text(ONWARD))
    for leg in ("nightly", "direct", "extra", "onward"):
        here.run(leg)
    before = tree(big(here) / "y")
    here.apply(text(ONWARD.replace("big:/y", "big:/z")))
    for name in here.orphans():
        if name in here.orphans():
            assert [one for one in here.migrate(name).stays if one.belongs] == []
    assert tree(big(here) / "z") == before
    assert passed(here, "onward").files == 0


def test_law_16_a_generation_waits_at_a_later_hop_until_the_disk_has_it(house: House) -> None:
    """`onward` reads another place now: what it does not find there it would delete."""
    kept = '  kept: {kind: versions, to: "disk:/%s", schedule: "02:00", keep: {last: 9}}\n'
    write(house.data / "photos/film", b"first")
    house.apply(house.text("photos: kept", legs=ONWARD + kept % "kept"))
    for content in (b"second", b"third"):
        house.run("kept")
        write(house.data / "photos/film", content)
    house.run("onward")
    house.apply(house.text("photos: kept", legs=ONWARD + kept % "kept/new"))
    house.run("kept")
    house.run("onward")
    assert house.orphans().keys() == {"disk:/kept", "big:/y/kept"}
    there = house.moves("big:/y/kept")
    assert len(there) == 2
    assert all("where it is not: it would delete" in words(one) for one in there)
    assert len(house.migrate("big:/y/kept").stays) == 2
    # The other hop holds the same still, and will not for long: that proves nothing.
    assert "no copy of today has states of then" in house.verify("disk:/kept")
    # A person moves the older ones to where their leg writes now.
    for one in (house.disk / "kept").glob("2026*"):
        one.rename(house.disk / "kept/new" / one.name)
    assert house.migrate("big:/y/kept").stays == ()
    passed(house, "onward")
    assert len(list((big(house) / "y/kept/new").iterdir())) == 3


def test_a_name_that_a_leg_gets_and_another_place(here: House) -> None:
    both_hops(here)
    legs = ONWARD.replace("onward: {", "later: {was: onward, ").replace("big:/y", "big:/z")
    here.apply(here.text(legs=legs))
    assert len(here.migrate("big:/y").moved) == 2
    assert passed(here, "later").files == 0


def test_at_one_disk_too(here: House) -> None:
    """The leg that reads that disk is told where it lies now."""
    inner = '  inner: {kind: mirror, to: "disk:/deep", schedule: "04:00"}\n'
    both_hops(here)
    here.apply(here.text("photos: inner", legs=ONWARD + inner))
    assert passed(here, "onward").mode == "full"
    assert [words(one) for one in here.moves("disk:/photos")] == [
        "disk:/photos → disk:/deep/photos"
    ]
    here.migrate("disk:/photos")
    assert tree(here.disk / "deep/photos") == tree(here.data / "photos")
    assert passed(here, "inner").files == 0
    # Nothing else was written at the disk since: by what was noted alone.
    report = passed(here, "onward")
    assert "its copies were renamed" not in report.why
    assert (report.mode, report.files) == ("incremental", len(HOSTILE) + 1)
    assert tree(big(here) / "y/deep/photos") == tree(here.data / "photos")


# ── What stays ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.tool("rrsync")
@pytest.mark.parametrize("options", ["", "-wo"])
def test_an_account_that_lets_nothing_but_rsync_pass(
    tmp_path: Path, server: Server, options: str
) -> None:
    house = remote(tmp_path, server, path="/")
    keys = server.directory / "authorized_keys"
    command = f'command="rrsync {options} {house.top}/mnt/big",restrict'
    keys.write_text(f"{command} {keys.read_text()}")
    both_hops(house)
    house.apply(house.text("photos: direct", legs=ONWARD))
    before = tree(big(house))
    (stay,) = house.migrate("big:/y/photos").stays
    assert (stay.belongs, stay.why) == (
        True,
        "the account there lets nothing but rsync pass: it is sent anew",
    )
    assert tree(big(house)) == before
    assert house.said == []
    passed(house, "direct")
    assert tree(big(house) / "x/photos") == tree(house.data / "photos")


def test_law_01_what_is_nobodys_stays_where_it_is(house: House) -> None:
    both_hops(house)
    write(big(house) / "y/stranger/file")
    house.apply(house.text(legs=ONWARD.replace("big:/y", "big:/z")))
    house.migrate("big:/y")
    assert {one.name for one in (big(house) / "y").iterdir()} == {"stranger"}
    assert {one.name for one in (big(house) / "z").iterdir()} == {"photos", "texts"}


def test_what_holds_anothers_copies_stays(here: House) -> None:
    write(here.data / "photos/kept/deep/1", b"1")
    both_hops(here)
    here.apply(here.text("photos: direct", "photos/*/deep: nightly", legs=ONWARD))
    (stay,) = here.migrate("big:/y/photos").stays
    assert "lie copies of other legs" in stay.why
    assert (big(here) / "y/photos/kept/deep/1").exists()


def test_a_disk_that_is_another_one(here: House) -> None:
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))
    (big(here) / ".policyctl-destination").write_text("big\nmarker:other\n")
    (stay,) = here.migrate("big:/y/photos").stays
    assert "marker:other" in stay.why
    assert (big(here) / "y/photos/film").exists()


def test_a_disk_that_is_swapped_between_the_look_and_the_rename(here: House) -> None:
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))

    def swap(_: Move) -> None:
        big(here).rename(here.top / "pulled")
        shutil.copytree(here.top / "pulled", big(here))

    assert here.plan is not None
    with cleaning(here.plan, here.places, here.now) as cleaner, cleaner.holding("big"):
        looked = cleaner.look(here.orphans()["big:/y/photos"])
        assert Migrator(cleaner).move(looked, swap).moved == ()
    for root in (big(here), here.top / "pulled"):
        assert (root / "y/photos/film").exists()


@pytest.mark.parametrize("known", [False, True])
def test_law_01_what_could_not_be_renamed_is_not_the_legs(
    here: House, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should somebody put something there, it is theirs; what the leg had there stays its own."""
    write(here.data / "photos/b/2", b"two")
    both_hops(here)
    if known:
        here.apply(here.text("photos/b: direct", legs=ONWARD))
        here.run("direct")
    path = "photos/film" if known else "photos"
    here.apply(here.text("photos/b: direct", f"{path}: direct", legs=ONWARD))

    def refuse(*_: object) -> None:
        raise NotRenamed("it lies on another file system there, or in another subvolume")

    monkeypatch.setattr(migrate, "rename_below", refuse)
    (stay,) = here.migrate(f"big:/y/{path}").stays
    assert "another file system" in stay.why
    with open_state(here.places.state_file) as state:
        assert here.plan is not None
        leg = here.plan.leg("direct")
        assert leg is not None
        owned = state.owned(stream_of(here.plan, leg, leg.feeds[0], state))
    assert (b"photos" in owned) == known


def test_law_07_it_waits_for_no_run(here: House) -> None:
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))
    with hold(here.places.holder_lock("big")), pytest.raises(Locked):
        here.migrate("big:/y/photos")
    assert (big(here) / "y/photos/film").exists()


@pytest.mark.parametrize("end", ["old", "new", "above"])
def test_law_41_a_symlink_on_the_way_leads_nowhere(house: House, end: str) -> None:
    both_hops(house)
    house.apply(house.text("photos/film: direct", legs=ONWARD))
    outside = house.top / "outside"
    outside.mkdir()
    if end == "old":
        (big(house) / "y/photos").rename(outside / "photos")
        (big(house) / "y/photos").symlink_to(outside / "photos")
    elif end == "new":
        (big(house) / "x/photos").symlink_to(outside)
    else:
        shutil.rmtree(big(house) / "x")
        (big(house) / "x").symlink_to(outside)
    before = tree(house.top / "outside"), tree(big(house))
    done = house.migrate("big:/y/photos/film")
    assert done.moved == ()
    assert (tree(house.top / "outside"), tree(big(house))) == before


def test_what_somebody_has_taken_away_is_forgotten(here: House) -> None:
    both_hops(here)
    here.apply(here.text(legs=ONWARD.replace("big:/y", "big:/z")))
    (big(here) / "y/photos").rename(here.top / "photos")
    assert [words(one) for one in here.moves("big:/y")] == ["big:/y/texts → big:/z/texts"]
    done = here.migrate("big:/y")
    assert (len(done.moved), done.stays) == (1, ())
    assert here.orphans() == {}
    not_owned(here)


def not_owned(house: House) -> None:
    """What somebody puts to the place of `onward` before is nobody's copy."""
    write(big(house) / "y/photos/theirs")
    write(big(house) / "y/a/theirs")
    house.apply(house.text(legs=ONWARD))
    house.apply(house.text(legs=ONWARD.replace("big:/y", "big:/z")))
    assert house.look("big:/y").gone


# ── The journal ──────────────────────────────────────────────────────────────────────────────


def test_whoever_reads_that_destination_is_told_before(here: House) -> None:
    legs = (
        '  second: {kind: mirror, to: "big:/z", schedule: "04:00"}\n'
        '  third: {kind: mirror, from: big, to: "disk:/third", schedule: "07:00", '
        "full_every: 300d}\n"
    )
    for name in ("texts/c", "films/d", "photos/a"):
        write(here.data / name, name.encode())
    here.apply(here.text("texts: second", "films: second", legs=legs))
    for leg in ("nightly", "direct", "second", "third"):
        here.run(leg)
    here.apply(here.text("texts: direct", "films: second", legs=legs))
    assert passed(here, "third").mode == "full"
    here.migrate("big:/z/texts")
    with open_journal(here.places.journal_file) as journal:
        assert {one.path for one in journal.read("third", "big")} >= {b"z/texts", b"x/texts"}
    report = passed(here, "third")
    assert (report.mode, report.files) == ("incremental", 1)
    assert (here.disk / "third/x/texts/c").read_bytes() == b"texts/c"
    # Its own copy is an orphan, and is renamed in its turn, once the leg there has run.
    assert (here.disk / "third/z/texts/c").exists()


def test_the_leg_that_it_comes_to_looks_at_everything(here: House) -> None:
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))
    here.migrate("big:/y/photos")
    here.run("direct")
    here.remove("disk:/photos")
    here.apply(here.text(legs=ONWARD))
    passed(here, "onward")
    passed(here, "nightly")
    assert len(here.migrate("big:/x/photos").moved) == 1
    report = passed(here, "onward")
    assert (report.mode, report.files) == ("full", 0)
    assert "its copies were renamed" in report.why
    assert passed(here, "onward").mode == "incremental"


@pytest.mark.parametrize("way", ["migrate", "remove"])
def test_so_does_the_leg_that_it_leaves(here: House, way: str) -> None:
    """The manifest goes back before that leg's next pass: its rules are the old ones again."""
    both_hops(here)
    here.apply(here.text("photos: direct", legs=ONWARD))
    getattr(here, way)("big:/y/photos")
    here.apply(here.text(legs=ONWARD))
    passed(here, "nightly")
    assert passed(here, "onward").files == len(HOSTILE) + 1
    assert tree(big(here) / "y/photos") == tree(here.data / "photos")


# ── Cut off ──────────────────────────────────────────────────────────────────────────────────

KILLED = """
import os, signal, sys
from pathlib import Path

import engine.system.orphans.migrate as migrate
from tests.integration.test_migrate import again

point, number, top = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
count = 0

def killed(*arguments, **named):
    global count
    count += 1
    if count == number:
        os.kill(os.getpid(), signal.SIGKILL)

def before(real):
    def wrapped(*arguments, **named):
        killed()
        return real(*arguments, **named)
    return wrapped

match point:
    case "rename":
        migrate.rename_below = before(migrate.rename_below)
    case "forget":
        real = migrate.rename_below
        def renamed(*arguments):
            real(*arguments)
            killed()
        migrate.rename_below = renamed
    case "bury":
        migrate.Migrator._bury = before(migrate.Migrator._bury)
again(top)
"""


def again(top: Path) -> None:
    """What the process does that is killed in the test below."""
    house = House.__new__(House)
    house.top, house.places, house.said = top, Places(root=top), []
    house.now, house.below, house.big = House.now, "", ""
    house.host = socket.gethostname()
    from tests.integration.lab import compiled

    house.plan = compiled(house.text(legs=ONWARD.replace("big:/y", "big:/z")))
    house.migrate("big:/y")


@pytest.mark.parametrize(
    ("point", "number"),
    [("rename", 1), ("rename", 3), ("forget", 1), ("forget", 2), ("forget", 4), ("bury", 1)],
)
def test_a_kill_at_any_instant_is_completed(here: House, point: str, number: int) -> None:
    for name in ("a", "b", "c", "d"):
        write(here.data / name / "file", name.encode())
    here.apply(here.text(legs=ONWARD))
    for leg in ("nightly", "direct", "onward"):
        here.run(leg)
    before = tree(big(here) / "y")
    here.apply(here.text(legs=ONWARD.replace("big:/y", "big:/z")))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, point, str(number), str(here.top)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    there = {one.name for one in big(here).rglob("?") if one.parent.name == "z"}
    assert len(there) == {"rename": number - 1, "forget": number, "bury": 4}[point]
    assert here.orphans().keys() == {"big:/y"}
    assert [one.why for one in here.migrate("big:/y").stays] == []
    assert here.orphans() == {}
    assert tree(big(here) / "z") == before
    report = passed(here, "onward")
    assert (report.files, report.deleted) == (0, 0)
    assert tree(big(here) / "y") == {}
    not_owned(here)


def test_a_kill_and_then_a_run(here: House) -> None:
    """The leg is given a name that is not there yet; it sends that, and owns it."""
    for name in ("a", "b"):
        write(here.data / name / "file", name.encode())
    here.apply(here.text(legs=ONWARD))
    for leg in ("nightly", "direct", "onward"):
        here.run(leg)
    here.apply(here.text(legs=ONWARD.replace("big:/y", "big:/z")))
    subprocess.run(
        [sys.executable, "-c", KILLED, "rename", "2", str(here.top)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert passed(here, "onward").files == 1
    (stay,) = here.migrate("big:/y").stays
    assert "is there already" in stay.why
    assert here.verify("big:/y") == ""
    here.remove("big:/y")
    assert passed(here, "onward").files == 0
