"""Copies compared with what they were made of, by the real rsync; nothing is written."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.system.runs.runner import run_leg
from engine.system.verify.compare import verify_leg
from engine.system.verify.reading import Asked
from engine.verify.comparison import Difference, Found
from engine.verify.verdict import Verified
from tests.integration.lab import HOSTILE, Lab, at, manifest, tree, wrap_rsync, write
from tests.integration.sshd import serving
from tests.integration.test_run_mirror_ssh import Away

pytestmark = pytest.mark.tool("rsync")


def now() -> datetime:
    return datetime.now(UTC)


class Checked(Lab):
    """A laboratory whose clock is the machine's: change times are."""

    def back_up(self) -> None:
        time.sleep(0.02)  # a file of this very moment might count as changed since
        report = run_leg(self.plan, "nightly", places=self.places, clock=now)
        assert report.status.succeeded, report

    def verify(self, most: int | None = None, within=None, leg: str = "nightly") -> Verified:
        leg_plan = self.plan.leg(leg)
        assert leg_plan is not None
        before = tree(self.source), tree(self.disk)
        asked = Asked(most=most, seed=1, within=within)
        (found,) = verify_leg(
            self.plan, leg_plan, asked, places=self.places, clock=now, say=lambda _: None
        )
        assert (tree(self.source), tree(self.disk)) == before, "nothing is written"
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Checked:
    lab = Checked(tmp_path, text=manifest())
    for name in HOSTILE:
        write(at(lab.source, b"dir", name), b"content of " + name)
    write(lab.source / "big", os.urandom(300_000))
    (lab.source / "link").symlink_to("big")
    lab.back_up()
    return lab


def rot(path: Path) -> None:
    """Change a byte as a failing disk does: size and time stay."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("most", [None, 1_000])
def test_equal_copies_are_sound(lab: Checked, most: int | None) -> None:
    found = lab.verify(most)
    assert found.sound, found
    assert found.files == found.compared == len(HOSTILE) + 1
    assert found.compared_bytes > 300_000
    assert (found.seed is None) == (most is None)


@pytest.mark.parametrize("most", [None, 1_000])
def test_every_way_to_differ_is_told_apart(lab: Checked, most: int | None) -> None:
    names = {name: at(lab.disk, b"dir", name) for name in HOSTILE}
    rot(names[b"new\nline"])
    names[b"-dash"].unlink()
    names[b"st*r"].write_bytes(b"another length")
    names[b"bad\xff\xfe"].chmod(0o600)
    write(lab.disk / "dir/extra")
    found = lab.verify(most)
    told = {one.path: one.difference for one in found.found}
    wanted = {
        b"dir/new\nline": Difference.DAMAGED,
        b"dir/-dash": Difference.MISSING,
        b"dir/st*r": Difference.DIFFERENT,
        b"dir/bad\xff\xfe": Difference.ATTRIBUTES,
    }
    if most is None:  # a list of files says nothing of what is too much
        wanted[b"dir/extra"] = Difference.EXTRA
    assert told == wanted
    assert not found.sound


def test_what_changed_since_the_run_says_nothing_of_the_copy(lab: Checked) -> None:
    write(lab.source / "big", b"written anew")
    write(lab.source / "new", b"came since")
    at(lab.source, b"dir", b"-dash").unlink()
    found = lab.verify()
    assert found.sound, found
    assert found.changed >= 2
    assert lab.verify(1_000).sound


@pytest.mark.parametrize("most", [None, 1_000])
def test_a_directory_in_the_place_of_a_file_is_told(lab: Checked, most: int | None) -> None:
    """rsync cannot make way for the file where it may not delete, and says so on another stream."""
    (lab.disk / "big").unlink()
    write(lab.disk / "big/inner", "x")
    found = lab.verify(most)
    assert Found(path=b"big", difference=Difference.MISSING) in found.found
    assert not found.unreadable


def test_a_file_that_goes_while_it_is_compared_is_not_unreadable(
    lab: Checked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f'case "$*" in *--files-from*) rm -f "{lab.source}/big";; esac; real "$@"'
    with monkeypatch.context() as patched:
        patched.setenv("PATH", wrap_rsync(tmp_path / "bin", gone))
        leg = lab.plan.leg("nightly")
        assert leg is not None
        asked = Asked(most=1_000, seed=1)
        (found,) = verify_leg(
            lab.plan, leg, asked, places=lab.places, clock=now, say=lambda _: None
        )
    assert found.sound, found


def test_a_changed_file_hides_no_damaged_one(lab: Checked) -> None:
    write(lab.source / "dir/-dash", b"written anew")
    rot(lab.disk / "big")
    assert lab.verify().found == (Found(path=b"big", difference=Difference.DAMAGED),)


def test_what_others_keep_at_the_destination_is_not_too_much(lab: Checked) -> None:
    write(lab.disk / "somebody's/file")
    assert lab.verify().sound


def test_only_the_paths_that_are_asked_for(lab: Checked) -> None:
    rot(lab.disk / "big")
    within = {"data": ((b"dir",),)}
    found = lab.verify(within=within)
    assert found.sound
    assert found.files == len(HOSTILE)
    found = lab.verify(within={"data": ((b"big",),)})
    assert found.found == (Found(path=b"big", difference=Difference.DAMAGED),)


@pytest.mark.parametrize("most", [None, 10])
def test_a_path_at_which_no_file_lies_is_not_called_sound(lab: Checked, most: int | None) -> None:
    """Mistyped, or gone from the source, or no file: nobody has looked at its copy."""
    for path in ((b"bih",), (b"dir", b"away"), (b"link",)):
        found = lab.verify(most, within={"data": (path,)})
        assert not found.sound
        assert "no file lies at" in found.refused
        assert b"/".join(path).decode() in found.refused


def test_a_sample_is_the_same_with_the_same_seed(lab: Checked) -> None:
    for number in range(200):
        write(lab.source / f"many/{number}", b"x")
    lab.back_up()
    found = lab.verify(20)
    assert (found.compared, found.files) == (20, 200 + len(HOSTILE) + 1)


def test_what_never_ran_is_not_called_sound(tmp_path: Path) -> None:
    lab = Checked(tmp_path, text=manifest())
    write(lab.source / "file")
    found = lab.verify()
    assert not found.sound
    assert "succeeded yet" in found.refused


def test_an_unmounted_source_is_not_called_missing(lab: Checked) -> None:
    for path in sorted(lab.source.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    found = lab.verify()
    assert found.refused
    assert not found.found


def test_law_41_a_symlink_in_the_way_leads_nowhere(lab: Checked, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside / "-dash", b"content of -dash")
    (lab.source / "dir").rename(lab.source / "moved")
    (lab.source / "dir").symlink_to(outside)
    found = lab.verify()
    assert found.sound, "nothing in it was read, and a directory that was moved is no missing one"
    assert found.files == 1 + len(HOSTILE)


# ── Over SSH ─────────────────────────────────────────────────────────────────────────────────


def compared_far(away: Away, most: int | None) -> Verified:
    plan = away.plan()
    leg = plan.leg("offsite")
    assert leg is not None
    before = tree(away.nas)
    asked = Asked(most=most, seed=1)
    (found,) = verify_leg(plan, leg, asked, places=away.places, clock=now, say=lambda _: None)
    assert tree(away.nas) == before, "nothing is written"
    return found


@pytest.mark.tool("sshd", "ssh-keygen", "rrsync")
@pytest.mark.parametrize("most", [None, 1_000])
@pytest.mark.parametrize("options", [None, "", "-wo"], ids=["shell", "rrsync", "write-only"])
def test_copies_on_another_machine(tmp_path: Path, most: int | None, options: str | None) -> None:
    with serving(tmp_path / "server") as server:
        away = Away(tmp_path / "lab", server)
        if options is not None:
            keys = server.directory / "authorized_keys"
            rrsync = f"{shutil.which('rrsync')} -no-lock {options} /"  # the root is every test's
            forced = f'command="{rrsync}",restrict '
            keys.write_text(forced + keys.read_text())
        for name in HOSTILE:
            write(at(away.source, b"dir", name), b"content of " + name)
        time.sleep(0.02)
        away.now = now() - timedelta(days=1)
        report = away.run()
        assert report.status.succeeded, report
        assert compared_far(away, most).sound
        rot(at(away.copies, b"dir", b"new\nline"))
        at(away.copies, b"dir", b"-dash").unlink()
        found = compared_far(away, most)
    assert {one.path: one.difference for one in found.found} == {
        b"dir/new\nline": Difference.DAMAGED,
        b"dir/-dash": Difference.MISSING,
    }
