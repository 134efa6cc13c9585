"""Orphans on disks of this machine: nothing but them goes, and only where that is right."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.system.host.lock import Locked, hold
from engine.system.host.places import Places
from engine.system.journal.journal import open_journal
from engine.system.orphans.clean_up import NotCleaned
from engine.system.state.state import open_state
from tests.integration.house import House
from tests.integration.lab import HOSTILE, at, tree, write

pytestmark = pytest.mark.tool("rsync")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(top=tmp_path, host=socket.gethostname(), places=Places(root=tmp_path))


def moved(house: House) -> None:
    """`photos` leaves the first leg for the second one, which has taken it by now."""
    write(house.data / "photos/a/1", b"one")
    write(house.data / "photos/b", b"two")
    write(house.data / "texts/c", b"three")
    house.apply(house.text())
    house.run("nightly")
    house.run("direct")
    house.apply(house.text("photos: direct"))
    house.run("direct")
    house.run("nightly")


def test_law_03_what_left_a_leg_is_listed_verified_and_removed(house: House) -> None:
    moved(house)
    record = house.orphans()["disk:/photos"]
    assert record.orphan.why == "routed to direct now"
    looked = house.look("disk:/photos")
    assert (looked.files, looked.size) == (2, 6)
    assert house.verify("disk:/photos") == ""
    before = tree(house.top / "mnt")
    stone = house.remove("disk:/photos")
    assert (stone.files, stone.bytes) == (2, 6)
    assert house.said == ["disk:/photos: 4 entries go"]
    gone = {name for name in before if name.startswith(b"disk/photos")}
    assert before.keys() - tree(house.top / "mnt").keys() == gone
    assert house.orphans() == {}
    assert [str(one.place) for one in house.tombstones()] == ["disk:/photos"]


def test_a_copy_that_lacks_or_differs_in_one_file_verifies_nothing(house: House) -> None:
    moved(house)
    new = house.top / "mnt/big/x/photos"
    (new / "a/1").write_bytes(b"ONE")
    assert "big:/x lacks or differs in: photos/a/1" in house.verify("disk:/photos")
    (new / "a/1").unlink()
    assert "photos/a/1" in house.verify("disk:/photos")
    write(new / "a/1", b"one")
    assert house.verify("disk:/photos") == ""
    write(house.disk / "photos/somebody's", b"only here")
    assert "photos/somebody's" in house.verify("disk:/photos")
    (house.disk / "photos/somebody's").unlink()
    (house.disk / "photos/link").symlink_to("b")
    assert "photos/link" in house.verify("disk:/photos")


def test_what_nobody_carries_is_never_verified(house: House) -> None:
    moved(house)
    house.apply(house.text('photos: {none: "made anew"}'))
    assert house.orphans().keys() == {"big:/x/photos", "disk:/photos"}
    assert house.orphans()["big:/x/photos"].orphan.why == "routed to none: made anew"
    assert house.verify("disk:/photos") == "no leg carries it now"
    house.remove("disk:/photos")
    assert not (house.disk / "photos").exists()
    assert (house.top / "mnt/big/x/photos/b").exists()


def test_a_place_that_is_owned_again_is_no_orphan(house: House) -> None:
    moved(house)
    since = house.orphans()["disk:/photos"].since
    house.apply(house.text("photos: direct"))
    assert house.orphans()["disk:/photos"].since == since, "the first time stays"
    known = house.look("disk:/photos")
    house.apply(house.text())
    assert house.orphans().keys() == {"big:/x/photos"}
    # Somebody who had looked before removes nothing either.
    with pytest.raises(KeyError):
        house.remove("disk:/photos")
    assert known.scope.paths == ((b"photos",),)
    assert (house.disk / "photos/b").exists()


def test_law_01_only_what_the_leg_wrote_goes(house: House) -> None:
    write(house.disk / "foreign/file")
    moved(house)
    house.apply(house.text('*: {none: "all"}', 'photos: {none: "all"}'))
    looked = house.look("disk:/*")
    assert looked.scope.paths == ((b"photos",), (b"texts",))
    house.remove("disk:/*")
    assert {one.name for one in house.disk.iterdir()} == {
        "foreign",
        ".policyctl-destination",
        ".policyctl-plan.json",
    }


def test_law_01_what_is_carried_inside_an_orphan_stays(house: House) -> None:
    write(house.data / "photos/kept/deep/1", b"1")
    write(house.data / "photos/2", b"2")
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text("photos: direct", "photos/*/deep: nightly"))
    assert house.orphans().keys() == {"disk:/photos"}
    house.remove("disk:/photos")
    left = {name for name in tree(house.disk) if name.startswith(b"photos")}
    assert left == {b"photos", b"photos/kept", b"photos/kept/deep", b"photos/kept/deep/1"}


def test_law_34_hostile_names_go_and_their_neighbours_stay(house: House) -> None:
    for name in HOSTILE:
        write(at(house.data, b"photos", name, name), b"x")
        write(at(house.data, name, b"file"), b"y")
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text("photos: direct"))
    house.run("direct")
    assert house.look("disk:/photos").files == len(HOSTILE)
    assert house.verify("disk:/photos") == ""
    house.remove("disk:/photos")
    assert not (house.disk / "photos").exists()
    for name in HOSTILE:
        assert at(house.disk, name, b"file").exists()
    # Each of them is an orphan by itself as well.
    house.apply(house.text("photos: direct", '*: {none: "gone"}'))
    assert len(house.look("disk:/*").scope.paths) == len(HOSTILE)
    house.remove("disk:/*")
    assert {one.name for one in house.disk.iterdir()} == {
        ".policyctl-destination",
        ".policyctl-plan.json",
    }


def test_law_41_a_symlink_on_the_way_leads_nowhere(house: House) -> None:
    write(house.data / "photos/a/1", b"one")
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text("photos/a: direct"))
    house.run("direct")
    shutil.move(house.disk / "photos", house.top / "elsewhere")
    (house.disk / "photos").symlink_to("../../elsewhere")
    with pytest.raises(NotCleaned, match="disk:/photos: a symlink is in the place of a directory"):
        house.remove("disk:/photos/a")
    assert (house.top / "elsewhere/a/1").read_bytes() == b"one"
    assert house.orphans().keys() == {"disk:/photos/a"}


def test_a_disk_that_is_another_one_loses_nothing(house: House) -> None:
    moved(house)
    (house.disk / ".policyctl-destination").write_text("disk\nmarker:other\n")
    assert "marker:other" in house.look("disk:/photos").why_not
    with pytest.raises(NotCleaned):
        house.remove("disk:/photos")
    assert (house.disk / "photos/b").exists()


def test_it_waits_for_no_run(house: House) -> None:
    moved(house)
    with hold(house.places.holder_lock("disk")), pytest.raises(Locked):
        house.remove("disk:/photos")
    assert (house.disk / "photos/b").exists()


EXTRA = '  extra: {kind: mirror, from: more, to: "disk:/photos/more", schedule: "05:00"}\n'


def test_law_36_a_leg_and_a_source_that_are_gone(house: House) -> None:
    write(house.top / "srv/more/1", b"1")
    extra = house.text(legs=EXTRA).replace(
        "legs:", f"  more: {{kind: tree, path: {house.below}/srv/more}}\nlegs:", 1
    )
    write(house.data / "photos/2", b"2")
    house.apply(extra)
    house.run("nightly")
    house.run("extra")
    house.apply(house.text())
    (record,) = house.orphans().values()
    assert str(record.orphan.place) == "disk:/photos/more"
    assert record.orphan.why == "the source more is gone"
    house.run("nightly")
    assert (house.disk / "photos/more/1").exists()
    # What the first leg leaves is not what the other one had left.
    house.apply(house.text('photos: {none: "x"}'))
    house.remove("disk:/photos")
    assert {name for name in tree(house.disk) if name.startswith(b"photos")} == {
        b"photos",
        b"photos/more",
        b"photos/more/1",
    }
    house.remove("disk:/photos/more")
    assert not (house.disk / "photos/more/1").exists()


def test_law_03_what_goes_at_a_disk_stays_at_the_next_hop_until_it_is_verified(
    house: House,
) -> None:
    third = (
        '  onward: {kind: mirror, from: disk, to: "big:/y", schedule: "05:00", full_every: 300d}\n'
    )
    write(house.data / "photos/a", b"1")
    write(house.data / "texts/b", b"1")
    house.apply(house.text(legs=third))
    house.run("nightly")
    house.run("onward")
    house.apply(house.text("photos: direct", legs=third))
    house.run("direct")
    assert house.orphans().keys() == {"disk:/photos", "big:/y/photos"}, "one at each hop"
    house.remove("disk:/photos")
    with open_journal(house.places.journal_file) as journal:
        assert [one.path for one in journal.read("onward", "disk")][:1] == [b"photos"]
    house.run("onward")
    assert (house.top / "mnt/big/y/photos/a").exists()
    assert house.verify("big:/y/photos") == ""
    (house.top / "mnt/big/x/photos/a").write_bytes(b"2")
    assert "big:/x lacks or differs in" in house.verify("big:/y/photos")
    house.remove("big:/y/photos")
    assert not (house.top / "mnt/big/y/photos").exists()


def test_a_leg_whose_rules_are_the_old_ones_again_sends_what_was_removed(house: House) -> None:
    """Between the two edits no pass of it has seen that its copies are gone."""
    third = (
        '  onward: {kind: mirror, from: disk, to: "big:/y", schedule: "05:00", full_every: 300d}\n'
    )
    write(house.data / "photos/a", b"1")
    write(house.data / "texts/b", b"1")
    house.apply(house.text(legs=third))
    house.run("nightly")
    house.run("onward")
    house.apply(house.text("photos: direct", legs=third))
    house.remove("big:/y/photos")
    house.apply(house.text(legs=third))
    house.run("nightly")
    house.run("onward")
    assert (house.top / "mnt/big/y/photos/a").exists()


def test_a_stop_leaves_an_orphan_at_the_next_hop(house: House) -> None:
    third = '  onward: {kind: mirror, from: disk, to: "big:/y", schedule: "05:00"}\n'
    write(house.data / "photos/a", b"1")
    write(house.data / "texts/b", b"1")
    house.apply(house.text(legs=third))
    house.run("nightly")
    house.run("onward")
    stop = 'photos: {leg: nightly, stop: {after: nightly, reason: "too large"}}'
    house.apply(house.text(stop, legs=third))
    assert house.orphans().keys() == {"big:/y/photos"}
    assert "too large" in house.orphans()["big:/y/photos"].orphan.why
    assert house.verify("big:/y/photos") == "", "the copy of the first hop holds it all"
    house.remove("big:/y/photos")
    assert set(tree(house.top / "mnt/big/y")) == {b"texts", b"texts/b"}
    assert (house.disk / "photos/a").exists()


def test_an_anchored_ignore_leaves_an_orphan(house: House) -> None:
    write(house.data / "photos/cache/x", b"1")
    write(house.data / "photos/a", b"1")
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text() + 'ignore:\n  "/photos/cache/": "rebuilt"\n')
    assert house.orphans().keys() == {"disk:/photos/cache"}
    house.remove("disk:/photos/cache")
    assert {n for n in tree(house.disk) if n.startswith(b"photos")} == {b"photos", b"photos/a"}


def test_what_is_ignored_now_is_not_proven_by_a_copy_of_the_orphan(house: House) -> None:
    third = '  onward: {kind: mirror, from: disk, to: "big:/y", schedule: "05:00"}\n'
    write(house.data / "photos/cache/x", b"1")
    house.apply(house.text(legs=third))
    house.run("nightly")
    house.run("onward")
    house.apply(house.text(legs=third) + 'ignore:\n  "/photos/cache/": "rebuilt"\n')
    assert (house.top / "mnt/big/y/photos/cache/x").exists(), "this one goes with the orphan"
    assert "it is ignored" in house.verify("disk:/photos/cache")


def test_renamed_parts_make_no_orphans_and_take_theirs_along(house: House) -> None:
    moved(house)
    text = house.text("photos: direct")
    text = text.replace("disk: {", "drive: {was: disk, ").replace('"disk:/"', '"drive:/"')
    text = text.replace("nightly: {", "daily: {was: nightly, ").replace(": nightly\n", ": daily\n")
    text = text.replace("data: {", "live: {was: data, ")
    house.apply(text)
    (record,) = house.orphans().values()
    assert (str(record.orphan.place), record.orphan.leg) == ("drive:/photos", "daily")
    assert (record.orphan.reads, str(record.orphan.live)) == ("live", "live:/photos")
    assert house.verify("drive:/photos") == ""
    house.remove("drive:/photos")
    assert not (house.disk / "photos").exists()
    assert (house.disk / "texts/c").exists()


def test_a_kill_leaves_the_orphan_on_record_and_the_next_one_goes_on(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for number in range(300):
        write(house.data / f"photos/{number % 7}/{number}", b"x")
    moved(house)
    bin_ = tmp_path_factory.mktemp("bin")
    real = shutil.which("rsync")
    # The second removal of this wrapper stops half way: it lets one folder go, and then hangs.
    (bin_ / "rsync").write_text(
        f'#!/bin/sh\ncase "$*" in *--max-delete=0*|*--list-only*) exec {real} "$@";; '
        f"*--max-delete*) rm -r {house.disk}/photos/3; touch {bin_}/hangs; exec sleep 60;; "
        f'*) exec {real} "$@";; esac\n'
    )
    (bin_ / "rsync").chmod(0o755)
    script = (
        "import sys; from pathlib import Path; from tests.integration.test_gc import again; "
        "again(Path(sys.argv[1]))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(house.top)],
        env={**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"},
    )
    deadline = time.monotonic() + 30
    while not (bin_ / "hangs").exists():
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert house.orphans().keys() == {"disk:/photos"}
    assert house.tombstones() == ()
    house.remove("disk:/photos")
    assert not (house.disk / "photos").exists()
    assert house.tombstones()[0].files == 302 - 43


def again(top: Path) -> None:
    """What a second process does in the test above."""
    house = House.__new__(House)
    house.top, house.places, house.said = top, Places(root=top), []
    house.now, house.below, house.big = House.now, "", ""
    house.host = socket.gethostname()
    from tests.integration.lab import compiled

    house.plan = compiled(house.text("photos: direct"))
    house.remove("disk:/photos")


def test_gone_already_is_forgotten_without_a_stone(house: House) -> None:
    moved(house)
    shutil.rmtree(house.disk / "photos")
    assert house.look("disk:/photos").gone
    house.remove("disk:/photos")
    assert (house.orphans(), house.tombstones()) == ({}, ())
    with open_state(house.places.state_file) as state:
        assert state.orphans.total().count == 0


def test_law_01_an_orphan_is_no_copy_of_itself(house: House) -> None:
    """One destination lies in the other, by a way that its path does not show."""
    for name in ("disk", "big"):
        (house.top / "mnt" / name).rmdir()
    (house.top / "mnt/up/x").mkdir(parents=True)
    (house.top / "mnt/disk").symlink_to("up/x")
    (house.top / "mnt/big").symlink_to("up")
    write(house.data / "photos/a", b"1")
    write(house.data / "texts/b", b"1")
    house.apply(house.text())
    house.run("nightly")
    house.apply(house.text("photos: direct"))
    assert "is the orphan itself" in house.verify("disk:/photos")
    assert (house.top / "mnt/up/x/photos/a").exists()


def test_law_11_a_source_that_is_away_makes_no_copy_nobodys(house: House) -> None:
    """What a leg carries today, where another one had written, is known by the live data alone."""
    inner = '  inner: {kind: mirror, to: "disk:/sub", schedule: "05:00"}\n'
    write(house.data / "films/a", b"1")
    write(house.data / "texts/b", b"1")
    house.apply(house.text("films: inner", legs=inner))
    house.run("inner")
    house.run("nightly")
    house.apply(house.text())
    (house.data / "sub").mkdir()
    (house.data / "films").rename(house.data / "sub/films")
    house.run("nightly")
    house.run("nightly")
    assert house.look("disk:/sub/films").gone, "nightly carries it"
    house.data.rename(house.top / "away")
    house.data.mkdir()
    assert house.look("disk:/sub/films").gone, "that nobody sees its source changes nothing"
