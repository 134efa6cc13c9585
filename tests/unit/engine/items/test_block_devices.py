"""What blkid says, and how file systems are mounted."""

import pytest

from engine.items.block_devices import (
    MOUNTABLE,
    Content,
    lock_command,
    mapping,
    probe_command,
    read_probe,
    unlock_command,
)

EXT4 = b"DEVNAME=/dev/pve/a\nUUID=7e7066a1\nVERSION=1.0\nTYPE=ext4\nUSAGE=filesystem\n"
LUKS = b"DEVNAME=/dev/pve/a\nVERSION=2\nUUID=c75f502f\nTYPE=crypto_LUKS\nUSAGE=crypto\n"


@pytest.mark.parametrize(
    ("output", "code", "content", "kind"),
    [
        (EXT4, 0, Content.FILE_SYSTEM, "ext4"),
        (LUKS, 0, Content.LUKS, "crypto_LUKS"),
        (b"TYPE=LVM2_member\nUSAGE=raid\n", 0, Content.OTHER, "LVM2_member"),
        (b"TYPE=swap\nUSAGE=other\n", 0, Content.OTHER, "swap"),
        (b"PTTYPE=gpt\n", 0, Content.OTHER, "gpt"),
        (b"", 0, Content.OTHER, ""),
        (b"", 2, Content.NOTHING, ""),
        (b"LABEL=\xff\\\nTYPE=xfs\nUSAGE=filesystem\n", 0, Content.FILE_SYSTEM, "xfs"),
        (b"LABEL=TYPE=ext4\nTYPE=swap\nUSAGE=other\n", 0, Content.OTHER, "swap"),
    ],
)
def test_what_is_on_a_device(output: bytes, code: int, content: Content, kind: str) -> None:
    found = read_probe(output, code)
    assert found is not None
    assert (found.content, found.kind) == (content, kind)


@pytest.mark.parametrize("code", [8, 4, -15])
def test_no_answer_is_none(code: int) -> None:
    """8: several things fit, and taking one would be a guess."""
    assert read_probe(EXT4, code) is None


def test_only_well_kept_file_systems_are_mounted() -> None:
    assert set(MOUNTABLE) == {"ext2", "ext3", "ext4", "xfs", "btrfs"}


def test_a_damaged_ext4_cannot_stop_the_machine() -> None:
    """`tune2fs -e panic` is stored in the file system itself, which others have written."""
    for kind in ("ext2", "ext3", "ext4"):
        assert "errors=remount-ro" in MOUNTABLE[kind].split(",")


def test_no_journal_is_passed_over() -> None:
    """What it holds was safely written, and would be missing."""
    for options in MOUNTABLE.values():
        assert not {"noload", "norecovery", "rescue=nologreplay"} & set(options.split(","))


def test_commands() -> None:
    assert probe_command(b"/dev/pve/a") == tuple(
        b"blkid --probe --output export /dev/pve/a".split()
    )
    assert unlock_command(b"/dev/pve/a", "m", b"/root/key") == tuple(
        b"cryptsetup open --batch-mode --type luks --key-file /root/key -- /dev/pve/a m".split()
    )
    assert lock_command("m") == (b"cryptsetup", b"close", b"--", b"m")
    assert mapping("m") == b"/dev/mapper/m"
