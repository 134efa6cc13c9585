"""Opening and closing in order; with real volumes, LUKS and kills in tests/lab/test_thin.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.items.block_devices import lock_command, probe_command
from engine.items.lvm_commands import (
    activate_command,
    clone_command,
    remove_command,
    resume_command,
)
from engine.items.thin_names import LvName
from engine.items.thin_pool import PoolContent, read_pool
from engine.system.host.signals import Interrupted
from engine.system.items import open_volume
from engine.system.items.failures import LvmFailed, NotClosed, NotOpened
from engine.system.items.open_volume import OpenVolume, opened, sweep
from tests.fake_commands import fake_commands
from tests.fake_lvm import CLONE, SNAP, SUSPENDED, WEB, FakeLvm, clone, lv, snapshot, volume
from tests.reports import POOL, Lv, report

ACTIVE = replace(CLONE, attributes="Vwi-a-tz-k")
EXT4 = "TYPE=ext4\nUSAGE=filesystem\n"
LUKS = "TYPE=crypto_LUKS\nUSAGE=crypto\n"
DEVICE = lv(CLONE).device


@pytest.fixture
def lvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLvm]:
    (tmp_path / "mapper").mkdir()
    monkeypatch.setattr(open_volume, "mapping", lambda name: os.fsencode(mapper(tmp_path) / name))
    monkeypatch.setattr(open_volume, "_LINKS", (tmp_path / "by-uuid",))
    monkeypatch.setattr(open_volume, "_PAUSE", 0.0)
    with fake_commands(tmp_path / "bin", monkeypatch) as commands:
        yield FakeLvm(commands)


def mapper(tmp_path: Path) -> Path:
    return tmp_path / "mapper"


def opens(lvm: FakeLvm, says: str, *, code: int = 0) -> None:
    lvm.seen(CLONE)  # nothing was left from before
    lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"))
    lvm.seen(CLONE, CLONE)
    lvm.commands.expect(activate_command(lv(CLONE)))
    lvm.seen(CLONE, ACTIVE)
    lvm.commands.expect(probe_command(DEVICE), out=says, code=code)


def closes(lvm: FakeLvm) -> None:
    lvm.seen(CLONE, ACTIVE)
    lvm.commands.expect(remove_command(clone(ACTIVE)))
    lvm.seen(CLONE)


def content(*lines: Lv) -> PoolContent:
    return read_pool(report(POOL, *lines).encode(), LvName(group="pve", volume="data"))


def key_file(tmp_path: Path, mode: int = 0o600, text: str = "secret") -> bytes:
    file = tmp_path / "volume.key"
    file.write_text(text)
    file.chmod(mode)
    return os.fsencode(file)


def test_what_is_opened_is_a_clone_that_goes_again(lvm: FakeLvm) -> None:
    opens(lvm, EXT4)
    closes(lvm)
    with opened(snapshot(), "files", None) as found:
        assert found == OpenVolume(device=DEVICE, kind="ext4")


@pytest.mark.parametrize("way_out", [ValueError("bug"), Interrupted(15), KeyboardInterrupt()])
def test_it_is_closed_on_every_way_out(lvm: FakeLvm, way_out: BaseException) -> None:
    opens(lvm, EXT4)
    closes(lvm)
    with pytest.raises(type(way_out)), opened(snapshot(), "files", None):
        raise way_out


def test_what_a_killed_run_left_is_closed_first(lvm: FakeLvm) -> None:
    closes(lvm)
    lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"), code=5, err="  full\n")
    lvm.seen(CLONE)
    with (
        pytest.raises(LvmFailed, match="lvcreate: full"),
        opened(snapshot(), "files", None),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("says", "code", "words"),
    [
        ("", 2, "web holds nothing that is known"),
        ("TYPE=hfsplus\nUSAGE=filesystem\n", 0, "'hfsplus', which is never mounted here"),
        ("PTTYPE=gpt\n", 0, "web holds 'gpt' and no file system"),
        ("", 8, "blkid cannot say what is on"),
        (LUKS, 0, "web is encrypted, and no key is named for it"),
    ],
)
def test_what_cannot_be_read_is_refused_and_closed(
    lvm: FakeLvm, says: str, code: int, words: str
) -> None:
    opens(lvm, says, code=code)
    closes(lvm)
    with pytest.raises(NotOpened, match=words), opened(snapshot(), "files", None):
        raise AssertionError


def test_law_22_the_key_goes_from_its_file_to_cryptsetup(lvm: FakeLvm, tmp_path: Path) -> None:
    """A program that reads it there and opens the mapping."""
    key = key_file(tmp_path)
    opens(lvm, LUKS)
    inner = mapper(tmp_path) / CLONE.name
    program = tmp_path / "bin" / "cryptsetup"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >>{tmp_path}/said; env >>{tmp_path}/said\n'
        "case $1 in\n"
        f'open) cat "$6" >{tmp_path}/key; touch {inner};;\n'
        f"close) rm {inner};;\n"
        "esac\n"
    )
    program.chmod(0o755)
    lvm.commands.expect(probe_command(os.fsencode(inner)), out="TYPE=xfs\nUSAGE=filesystem\n")
    with opened(snapshot(), "files", key) as found:
        assert found == OpenVolume(device=os.fsencode(inner), kind="xfs")
        closes(lvm)
    assert (tmp_path / "key").read_text() == "secret"
    said = (tmp_path / "said").read_text()
    assert "secret" not in said
    assert f"-- {DEVICE.decode()} {CLONE.name}\n" in said
    assert f"close -- {CLONE.name}\n" in said
    assert not inner.exists()


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [
        (0o644, "x", r"is open to others \(mode 0644\): chmod 600"),
        (0o620, "x", r"is open to others \(mode 0620\)"),
        (0o600, "", "is empty"),
    ],
)
def test_a_key_that_others_may_read_is_refused(
    lvm: FakeLvm, tmp_path: Path, mode: int, text: str, words: str
) -> None:
    opens(lvm, LUKS)
    closes(lvm)
    key = key_file(tmp_path, mode, text)
    with pytest.raises(NotOpened, match=words), opened(snapshot(), "files", key):
        raise AssertionError


def test_a_key_is_a_file_and_no_link_or_pipe(lvm: FakeLvm, tmp_path: Path) -> None:
    real = key_file(tmp_path)
    (tmp_path / "link").symlink_to(os.fsdecode(real))
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, words in (("link", "symbolic link"), ("pipe", "no regular file"), ("no", "No such")):
        opens(lvm, LUKS)
        closes(lvm)
        key = os.fsencode(tmp_path / name)
        with pytest.raises(NotOpened, match=words), opened(snapshot(), "files", key):
            raise AssertionError


def test_a_clone_that_took_the_live_volumes_name_is_refused(lvm: FakeLvm, tmp_path: Path) -> None:
    """What is mounted by UUID would be the clone, and what is written there would go with it."""
    links = tmp_path / "by-uuid"
    links.mkdir()
    (links / "7e7066a1").symlink_to(os.fsdecode(DEVICE))
    lvm.seen(CLONE)
    lvm.commands.expect(clone_command(lv(SNAP), lv(CLONE), "files"))
    lvm.seen(CLONE, CLONE)
    lvm.commands.expect(activate_command(lv(CLONE)))
    lvm.seen(CLONE, ACTIVE)
    closes(lvm)
    with (
        pytest.raises(NotOpened, match="by-uuid/7e7066a1 to a clone"),
        opened(snapshot(), "files", None),
    ):
        raise AssertionError


def test_what_is_in_use_for_a_moment_is_tried_again(lvm: FakeLvm) -> None:
    opens(lvm, EXT4)
    lvm.seen(CLONE, ACTIVE)
    for _ in range(3):
        lvm.commands.expect(remove_command(clone(ACTIVE)), code=5, err="  in use\n")
        lvm.seen(CLONE, ACTIVE)
    lvm.commands.expect(remove_command(clone(ACTIVE)))
    lvm.seen(CLONE)
    with opened(snapshot(), "files", None):
        pass


def stays_open(lvm: FakeLvm) -> None:
    opens(lvm, EXT4)
    lvm.seen(CLONE, ACTIVE)
    for _ in range(2):
        lvm.commands.expect(remove_command(clone(ACTIVE)), code=5, err="  in use\n")
        lvm.seen(CLONE, ACTIVE)


def test_what_stays_open_is_told_and_hides_no_other_failure(
    lvm: FakeLvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_volume, "_TRIES", 2)
    stays_open(lvm)
    with (
        pytest.raises(LvmFailed, match="is not removed: in use"),
        opened(snapshot(), "files", None),
    ):
        pass
    stays_open(lvm)
    with pytest.raises(Interrupted), opened(snapshot(), "files", None):
        raise Interrupted(15)


@pytest.mark.parametrize("tags", ["", "policyctl-open/other"])
def test_law_01_a_stranger_of_the_clones_name_is_never_removed(lvm: FakeLvm, tags: str) -> None:
    lvm.seen(CLONE, replace(CLONE, tags=tags))
    with pytest.raises(NotClosed, match="is none: it stays"), opened(snapshot(), "files", None):
        raise AssertionError


def test_sweeping_closes_what_is_this_readers_and_resumes_volumes(
    lvm: FakeLvm, tmp_path: Path
) -> None:
    (mapper(tmp_path) / CLONE.name).touch()
    lvm.commands.expect(lock_command(CLONE.name))
    closes(lvm)
    lvm.commands.expect(resume_command(volume()))
    lvm.seen(WEB, WEB)
    other = replace(CLONE, name="policyctl-open.0123456789abcdef", tags="policyctl-open/other")
    stray = replace(CLONE, name="policyctl-open.0123456789abcdee", tags="")
    said = sweep(content(SUSPENDED, SNAP, CLONE, other, stray), "files")
    assert said == (
        f"pve/{CLONE.name}: a killed run had left it open, it is removed",
        "pve/web: a killed command had left it suspended, it goes on",
    )


def test_where_nothing_was_left_nothing_is_done(lvm: FakeLvm) -> None:
    assert sweep(content(WEB, SNAP), "files") == ()


def test_law_35_what_cannot_be_swept_hides_no_other(
    lvm: FakeLvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that hung keeps its clone open for as long as it hangs, which may be nights."""
    monkeypatch.setattr(open_volume, "_TRIES", 1)
    stuck = replace(CLONE, name="policyctl-open.0123456789abcdef")
    lvm.seen(stuck, stuck)
    lvm.commands.expect(remove_command(clone(stuck)), code=5, err="  in use\n")
    lvm.seen(stuck, stuck)
    closes(lvm)
    lvm.commands.expect(resume_command(volume()), code=5, err="  no answer\n")
    said = sweep(content(SUSPENDED, stuck, CLONE), "files")
    assert said == (
        f"pve/{stuck.name}: a run had left it open, and it stays so: pve/{stuck.name} is not "
        "removed: in use",
        f"pve/{CLONE.name}: a killed run had left it open, it is removed",
        "pve/web: a killed command had left it suspended, and it stays so: lvchange: no answer",
    )


def test_a_mapping_that_is_gone_by_itself_is_closed(lvm: FakeLvm, tmp_path: Path) -> None:
    (mapper(tmp_path) / CLONE.name).touch()
    lvm.commands.expect(lock_command(CLONE.name), code=4, err="Device x is not active.\n")
    closes(lvm)
    assert len(sweep(content(CLONE), "files")) == 1
