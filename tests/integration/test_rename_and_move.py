"""A renamed leg keeps what it owns; a leg that writes elsewhere owns nothing there yet."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from engine.system.apply.applied import load_applied
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg
from tests.cli_server import run_cli
from tests.strategies import ROOT, manifest

pytestmark = pytest.mark.tool("rsync")


class Lab:
    """A folder that stands for a machine, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.file = folder / "backup-policy.yaml"
        for name in ("srv/data/photos", "srv/data/texts", "mnt/disk"):
            (self.root / name).mkdir(parents=True)
        for name in ("photos/a.jpg", "texts/b.txt"):
            (self.root / "srv/data" / name).write_text(name)

    def __call__(self, *words: str, code: int = 0) -> str:
        environment = {**os.environ, "POLICYCTL_POLICY": str(self.file)}
        ended = run_cli(*words, "--root", str(self.root), cwd=ROOT, environment=environment)
        assert ended.code == code, ended.out + ended.err
        return ended.out.decode()

    def write(self, **sections) -> None:
        self.file.write_text(json.dumps(manifest(**sections)))

    def apply(self, **sections) -> None:
        self.write(**sections)
        self("apply")

    def run(self, leg: str, code: int = 0):
        return json.loads(self("run", leg, "--json", code=code))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def mirror(**more):
    return {"kind": "mirror", "to": "disk:/copies", **more}


def test_a_renamed_leg_sends_nothing_and_still_deletes_what_it_owns(lab: Lab) -> None:
    lab.apply(legs={"old": mirror()}, routes={"/srv/data": "old"})
    assert lab.run("old")["feeds"][0]["files"] == 2
    lab.apply(legs={"new": mirror(was="old")}, routes={"/srv/data": "new"})
    again = lab.run("new")["feeds"][0]
    assert (again["files"], again["deleted"], again["foreign"]) == (0, 0, [])
    (lab.root / "srv/data/texts/b.txt").unlink()
    assert lab.run("new")["feeds"][0]["deleted"] == 1
    status = json.loads(lab("status", "--json"))
    assert [one["leg"] for one in status["legs"]] == ["new"]


def test_law_01_a_leg_that_writes_elsewhere_owns_nothing_there(lab: Lab) -> None:
    """What it owned at the old place has the same names as what somebody else has at the new."""
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    lab.run("leg")
    theirs = lab.root / "mnt/disk/elsewhere/photos/theirs.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("the only copy")
    lab.apply(legs={"leg": mirror(to="disk:/elsewhere")}, routes={"/srv/data": "leg"})
    for _ in range(2):
        report = lab.run("leg")["feeds"][0]
        assert (report["deleted"], report["shared"]) == (0, [{"name": "photos"}])
        assert theirs.read_text() == "the only copy"
    assert (lab.root / "mnt/disk/copies/photos/a.jpg").exists(), "the orphan stays"


def test_adopting_takes_over_what_lay_there_before_and_shows_it_first(lab: Lab) -> None:
    old = lab.root / "mnt/disk/copies/photos/old.jpg"
    old.parent.mkdir(parents=True)
    old.write_text("an old copy")
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    lab.run("leg")
    shown = lab("adopt", "disk:/copies", "--by", "leg")
    assert "would be taken over: photos" in shown
    assert "photos/old.jpg" in shown
    assert lab.run("leg")["feeds"][0]["deleted"] == 0
    lab("adopt", "disk:/copies/photos", "--by", "leg", "--yes")
    assert lab.run("leg")["feeds"][0]["deleted"] == 1
    assert not old.exists()
    assert "already" in lab("adopt", "disk:/copies", "--by", "leg")
    lab("adopt", "disk:/elsewhere", "--by", "leg", code=5)
    lab("adopt", "disk:/copies/photos/a.jpg", "--by", "leg", code=5)
    lab("adopt", "disk:/copies", "--by", "nobody", code=5)


def two_hops(lab: Lab) -> None:
    (lab.root / "mnt/nas").mkdir()
    lab.apply(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "hdd", "site": "home"},
            "nas": {"path": "/mnt/nas", "media": "nas", "site": "away"},
        },
        legs={"leg": mirror(to="disk:/"), "far": {"kind": "mirror", "from": "disk", "to": "nas:/"}},
        routes={"/srv/data": "leg"},
    )


def test_law_11_a_second_hop_reads_the_recorded_disk_and_no_other(lab: Lab) -> None:
    two_hops(lab)
    lab.run("leg")
    lab.run("far")
    marker = lab.root / "mnt/disk/.policyctl-destination"
    marker.rename(lab.root / "aside")
    (lab.root / "mnt/disk/texts/b.txt").unlink()
    report = lab.run("far", code=5)
    assert report["status"] == "refused"
    assert (lab.root / "mnt/nas/texts/b.txt").exists()
    (lab.root / "aside").rename(marker)
    assert lab.run("far")["feeds"][0]["deleted"] == 1


def test_law_01_a_second_hop_carries_only_what_its_legs_own(lab: Lab) -> None:
    stranger = lab.root / "mnt/disk/stranger"
    stranger.mkdir()
    (stranger / "file").write_text("not ours")
    two_hops(lab)
    lab.run("leg")
    assert lab.run("far")["feeds"][0]["left_out"] == [{"path": "stranger"}]
    assert sorted(path.name for path in (lab.root / "mnt/nas").iterdir() if path.is_dir()) == [
        "photos",
        "texts",
    ]


def test_what_appears_while_a_pass_runs_is_owned_by_it(lab: Lab) -> None:
    """It comes after the look and before the copy: the worst moment for a new directory."""
    late = lab.root / "srv/data/late"
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    applied = load_applied(lab.root)
    assert applied is not None

    def appear(step: str) -> None:
        if "copy, and count" in step:
            late.mkdir(exist_ok=True)

    run_leg(applied[0], "leg", places=Places(root=lab.root), progress=appear)
    assert (lab.root / "mnt/disk/copies/late").is_dir()
    (late / "file").write_text("new")
    assert lab.run("leg")["feeds"][0]["shared"] == []
    (late / "file").unlink()
    assert lab.run("leg")["feeds"][0]["deleted"] == 1


def test_law_01_a_leg_that_left_is_not_reaped_by_the_one_around_it(lab: Lab) -> None:
    (lab.root / "srv/data/hosts/pc").mkdir(parents=True)
    (lab.root / "srv/other").mkdir()
    (lab.root / "srv/other/only.txt").write_text("the only copy")
    sources = {
        "data": {"kind": "tree", "path": "/srv/data"},
        "other": {"kind": "tree", "path": "/srv/other"},
    }
    legs = {"leg": mirror(to="disk:/"), "inner": mirror(to="disk:/hosts/nas")}
    lab.apply(legs={"leg": legs["leg"]}, routes={"/srv/data": "leg"})
    lab.run("leg")
    lab.apply(sources=sources, legs=legs, routes={"/srv/data": "leg", "/srv/other": "inner"})
    lab.run("leg")
    lab.run("inner")
    lab.write(legs={"leg": legs["leg"]}, routes={"/srv/data": "leg"})
    lab("apply", "--accept-removals")
    for _ in range(2):
        assert lab.run("leg")["feeds"][0]["deleted"] == 0
        assert (lab.root / "mnt/disk/hosts/nas/only.txt").exists()


def test_law_01_another_disk_under_the_same_name_is_not_owned(lab: Lab) -> None:
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    lab.run("leg")
    (lab.root / "mnt/disk").rename(lab.root / "mnt/old")
    theirs = lab.root / "mnt/disk/copies/photos/theirs.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("the only copy")
    lab("apply", "--new-disk", "disk")
    for _ in range(2):
        lab.run("leg")
        assert theirs.exists()


def test_law_01_what_lapsed_is_not_owned_again(lab: Lab) -> None:
    """Somebody archives by hand, at the place of something that has just left the source."""
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    lab.run("leg")
    (lab.root / "srv/data/photos/a.jpg").unlink()
    (lab.root / "srv/data/photos").rmdir()
    assert lab.run("leg")["feeds"][0]["deleted"] == 2
    mine = lab.root / "mnt/disk/copies/photos/mine.jpg"
    mine.parent.mkdir()
    mine.write_text("an archive")
    lab.run("leg")
    assert mine.exists()


def test_law_41_copies_never_leave_their_root_by_a_symlink(lab: Lab) -> None:
    (lab.root / "victim").mkdir()
    (lab.root / "mnt/disk/copies").symlink_to("../../victim")
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    assert lab.run("leg", code=5)["status"] == "refused"
    assert list((lab.root / "victim").iterdir()) == []


def test_a_change_within_a_second_and_of_equal_size_is_copied(lab: Lab) -> None:
    file = lab.root / "srv/data/texts/b.txt"
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    for text, tenth in (("AAAA", 1), ("BBBB", 9)):
        file.write_text(text)
        os.utime(file, ns=(10**18, 10**18 + tenth * 10**8))
        lab.run("leg")
    assert (lab.root / "mnt/disk/copies/texts/b.txt").read_text() == "BBBB"


def test_a_file_that_cannot_take_its_place_is_no_success(lab: Lab) -> None:
    only = lab.root / "mnt/disk/copies/thing/only.txt"
    only.parent.mkdir(parents=True)
    only.write_text("the only copy")
    (lab.root / "srv/data/thing").write_text("a file now")
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    assert lab.run("leg", code=6)["status"] == "degraded"
    assert only.exists()


def test_a_renamed_destination_is_the_same_disk(lab: Lab) -> None:
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    lab.run("leg")
    disk = {"path": "/mnt/disk", "media": "hdd", "site": "home", "was": "disk"}
    lab.apply(
        destinations={"sda": disk},
        legs={"leg": mirror(to="sda:/copies")},
        routes={"/srv/data": "leg"},
    )
    again = lab.run("leg")["feeds"][0]
    assert (again["files"], again["deleted"], again["shared"]) == (0, 0, [])
    lab.apply(
        destinations={"other": {**disk, "was": "nobody"}},
        legs={"leg": mirror(to="other:/copies")},
        routes={"/srv/data": "leg"},
    )
    assert lab.run("leg", code=5)["status"] == "refused"
    lab("apply", "--new-disk", "other")
    assert lab.run("leg")["feeds"][0]["shared"] == [{"name": "photos"}, {"name": "texts"}]


def test_law_11_a_listed_path_that_is_missing_keeps_its_copy(lab: Lab) -> None:
    for name in ("etc/one", "etc/two"):
        (lab.root / name).mkdir(parents=True)
        (lab.root / name / "file").write_text(name)
    lab.apply(
        sources={"host": {"kind": "files", "paths": ["/etc/one", "/etc/two"]}},
        legs={"leg": mirror(**{"from": "host"})},
        routes={},
    )
    lab.run("leg")
    (lab.root / "etc/two").rename(lab.root / "etc/away")
    assert lab.run("leg", code=5)["status"] == "refused"
    assert (lab.root / "mnt/disk/copies/etc/two/file").exists()


def test_hooks_come_before_the_look(lab: Lab) -> None:
    """A hook may mount, or unmount: what is judged is what is there afterwards."""
    data, away = lab.root / "srv/data", lab.root / "srv/away"
    hook = [{"run": ["mv", str(data), str(away)]}]
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    lab.run("leg")
    lab.apply(legs={"leg": mirror(before=hook)}, routes={"/srv/data": "leg"})
    assert lab.run("leg", code=5)["status"] == "refused"
    assert (lab.root / "mnt/disk/copies/photos/a.jpg").exists()


def test_law_01_an_apply_in_the_middle_of_a_run_changes_nothing_of_it(lab: Lab) -> None:
    (lab.root / "srv/data/nas").mkdir()
    lab.apply(legs={"leg": mirror(to="disk:/")}, routes={"/srv/data": "leg"})
    applied = load_applied(lab.root)
    assert applied is not None
    places = Places(root=lab.root)

    def meddle(step: str) -> None:
        if "copy, and count" in step:
            places.filter_file("leg", "data").write_bytes(b"- *\n")

    report = run_leg(applied[0], "leg", places=places, progress=meddle)
    assert report.status.succeeded
    assert (lab.root / "mnt/disk/photos/a.jpg").exists()


def test_law_11_a_destination_that_goes_in_the_middle_of_a_run_is_no_success(lab: Lab) -> None:
    lab.apply(legs={"leg": mirror()}, routes={"/srv/data": "leg"})
    applied = load_applied(lab.root)
    assert applied is not None
    disk = lab.root / "mnt/disk"

    def unmount(step: str) -> None:
        if "copy, and count" in step:
            disk.rename(lab.root / "mnt/gone")
            disk.mkdir()

    report = run_leg(applied[0], "leg", places=Places(root=lab.root), progress=unmount)
    assert report.status.value == "failed"
    assert list(disk.iterdir()) == []


@pytest.mark.root
def test_law_01_two_destinations_that_are_one_directory_are_refused(lab: Lab) -> None:
    (lab.root / "mnt/two").mkdir()
    command = ["mount", "--bind", str(lab.root / "mnt/disk"), str(lab.root / "mnt/two")]
    subprocess.run(command, check=True)
    try:
        place = {"media": "hdd", "site": "home"}
        lab.apply(
            destinations={
                "disk": {"path": "/mnt/disk", **place},
                "two": {"path": "/mnt/two", **place},
            },
            legs={"leg": mirror()},
            routes={"/srv/data": "leg"},
        )
        report = lab.run("leg", code=5)
        assert "the same directory as that of two" in report["reason"]
    finally:
        subprocess.run(["umount", str(lab.root / "mnt/two")], check=True)


def test_a_rollback_of_a_rename_takes_history_and_ownership_back(lab: Lab) -> None:
    lab.apply(legs={"old": mirror()}, routes={"/srv/data": "old"})
    lab.run("old")
    lab.apply(legs={"new": mirror(was="old")}, routes={"/srv/data": "new"})
    lab("apply", "--rollback")
    again = lab.run("old")["feeds"][0]
    assert (again["files"], again["deleted"], again["foreign"]) == (0, 0, [])
    lab("apply", "--rollback")
    (lab.root / "srv/data/texts/b.txt").unlink()
    assert lab.run("new")["feeds"][0]["deleted"] == 1
    assert lab("plan").startswith("nothing to change")


# ── What changes hands ───────────────────────────────────────────────────────────────────────


def moved_tree(lab: Lab) -> None:
    (lab.root / "srv/other/films").mkdir(parents=True)
    (lab.root / "srv/other/films/c").write_text("c")


def stays_until_allowed(lab: Lab, copies: Path, leg: str) -> None:
    """What the source does not hold is there after each run, and goes once that is allowed."""
    for _ in range(2):
        (feed,) = lab.run(leg, code=5)["feeds"]
        assert feed["status"] == "guard"
        assert "deletions are wanted" in feed["reason"]
        assert "--allow deletions" in feed["reason"]
        assert (copies / "photos/a.jpg").is_file()
    lab("run", leg, "--allow", "deletions")
    assert not (copies / "photos").exists()
    (lab.root / "srv/other/films/c").unlink()
    assert lab.run(leg)["feeds"][0]["deleted"] == 1, "from then on it is the leg's own work"


@pytest.mark.parametrize("renamed", [False, True])
def test_law_01_a_source_with_another_path_deletes_nothing_by_itself(
    lab: Lab, renamed: bool
) -> None:
    lab.apply(legs={"a": mirror()}, routes={"/srv/data": "a"})
    lab.run("a")
    moved_tree(lab)
    name, was = ("new", {"was": "data"}) if renamed else ("data", {})
    sources = {name: {"kind": "tree", "path": "/srv/other", **was}}
    lab.write(sources=sources, legs={"a": mirror()}, routes={"/srv/other": "a"})
    said = "the next run of a deletes nothing by itself: it reads /srv/other"
    assert said in lab("plan")
    lab("apply")
    stays_until_allowed(lab, lab.root / "mnt/disk/copies", "a")


def test_law_01_an_orphan_that_is_owned_again_loses_nothing_by_itself(lab: Lab) -> None:
    (lab.root / "srv/misc").mkdir()
    (lab.root / "srv/misc/m").write_text("m")
    misc = {"misc": {"kind": "tree", "path": "/srv/misc"}}
    data = {"data": {"kind": "tree", "path": "/srv/data"}}
    other = {"kind": "mirror", "to": "disk:/misc"}
    routes = {"/srv/misc": "m"}
    both = {"a": mirror(), "m": other}
    lab.apply(sources=misc | data, legs=both, routes={"/srv/data": "a", **routes})
    lab.run("a")
    lab.apply(sources=misc, legs={"m": other}, routes=routes)
    moved_tree(lab)
    back = {"data": {"kind": "tree", "path": "/srv/other"}}
    lab.write(sources=misc | back, legs=both, routes={"/srv/other": "a", **routes})
    assert "the next run of a deletes nothing by itself: disk:/copies, left behind" in lab("plan")
    lab("apply")
    stays_until_allowed(lab, lab.root / "mnt/disk/copies", "a")


def test_law_01_a_route_of_none_that_goes_gives_nothing_up_by_itself(lab: Lab) -> None:
    lab.apply(legs={"a": mirror()}, routes={"/srv/data": "a"})
    lab.run("a")
    none = {"none": "archived, its copy stays"}
    lab.apply(legs={"a": mirror()}, routes={"/srv/data": "a", "/srv/data/photos": none})
    lab.run("a")
    (lab.root / "srv/data/photos/a.jpg").unlink()
    (lab.root / "srv/data/photos").rmdir()
    lab.run("a")
    lab.apply(legs={"a": mirror()}, routes={"/srv/data": "a"})
    assert lab.run("a", code=5)["feeds"][0]["status"] == "guard"
    assert (lab.root / "mnt/disk/copies/photos/a.jpg").is_file()


def test_law_11_a_renamed_copy_loses_nothing_by_itself(lab: Lab) -> None:
    lab.apply(legs={"a": mirror()}, routes={"/srv/data": "a"})
    lab.run("a")
    lab.write(legs={"a": mirror(to="disk:/new")}, routes={"/srv/data": "a"})
    lab("apply", "--migrate")
    (lab.root / "srv/data/photos/a.jpg").unlink()
    assert lab.run("a", code=5)["feeds"][0]["status"] == "guard"
    assert (lab.root / "mnt/disk/new/photos/a.jpg").is_file()
