"""Many volumes on a thin pool, four of them in trouble, made inside the machine by one script."""

from __future__ import annotations

from tests.lab.machine import Machine
from tests.lab.vm import EMPTY_DISKS
from tests.lab.vm_image import GROUP, POOL

CORRUPT, FULL, HUNG, LOCKED = "vm-0-corrupt", "vm-0-full", "vm-0-hung", "vm-0-locked"
"""They come before all others, which then have to be copied after them."""
TROUBLED = (CORRUPT, FULL, HUNG, LOCKED)
SETUP_SECONDS = 900.0
_BAD, _COPIES = EMPTY_DISKS
_NAMES = f"group={GROUP} pool={POOL} corrupt={CORRUPT} full={FULL} hung={HUNG} locked={LOCKED}"
_BAD_DISK = f"""\
# A disk that answers, but for what is read of all but its first MiB: that takes an hour, once
# `bad_disk load` has said so. What is written there is written at once.
bad_disk() {{
    whole=$(blockdev --getsz {_BAD}) good=2048 late=$2
    dmsetup $1 bad <<END
0 $good linear {_BAD} 2048
$good $((whole - good - 2048)) delay {_BAD} $((good + 2048)) $late {_BAD} $((good + 2048)) 0
END
}}
"""
_MAKE = f"""\
set -eu
{_NAMES} count=$1
{_BAD_DISK}
umask 077
mkdir -p /root/content /root/keys /live/full /live/hung /mnt/disk

volume() {{ echo "lvcreate -qq -y -V $2 -n $1 --thinpool $pool $group"; }}
filled() {{
    echo "of $1" >/root/content/file
    mke2fs -q -t ext4 -N 64 -E nodiscard $3 -d /root/content "$2"
}}
plain=$(seq -f vm-1-%03g $count)
{{
    for name in $plain $corrupt $hung $locked; do volume $name 64M; done
    volume $full 8M
    volume ballast 2G
}} | lvm
for name in $plain $corrupt; do filled $name /dev/$group/$name "-O ^has_journal"; done
# Its first megabytes are taken: who looks at a device reads there, and is not to hang yet.
head -c 12M /dev/urandom >/root/content/first
filled $hung /dev/$group/$hung "-O ^has_journal"
rm /root/content/first

# Encrypted, and the key that is at hand is another one.
for key in right wrong; do head -c 32 /dev/urandom >/root/keys/$key; done
cp /root/keys/wrong /root/keys/$locked.key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \\
    --key-file /root/keys/right /dev/$group/$locked
cryptsetup open --key-file /root/keys/right /dev/$group/$locked unlocked
filled $locked /dev/mapper/unlocked "-O ^has_journal"
cryptsetup close unlocked

# Full to the last block and in use, as within a virtual machine: LVM does not know who has it
# mounted and freezes nothing, so that each snapshot of it has a journal to replay.
filled $full /dev/$group/$full "-m 0"
dmsetup create guest --table "0 $(blockdev --getsz /dev/$group/$full) linear /dev/$group/$full 0"
mount /dev/mapper/guest /live/full
dd if=/dev/zero of=/live/full/rest bs=4k || sync -f /live/full
sysctl -q vm.dirty_writeback_centisecs=0
mv /live/full/file /live/full/moved
sync /live/full/moved

# Of the superblock all is overwritten up to the number that says what it is.
dd if=/dev/$group/$corrupt of=/root/superblock bs=1k count=2
dd if=/dev/urandom of=/dev/$group/$corrupt bs=1 seek=1024 count=56 conv=notrunc,fsync

# The pool is full of ballast, so that what comes now comes to lie on the bad disk.
lvchange --errorwhenfull y $group/$pool
! dd if=/dev/zero of=/dev/$group/ballast bs=1M oflag=direct
bad_disk create 0
pvcreate -qq /dev/mapper/bad
vgextend -qq $group /dev/mapper/bad
lvextend -qq -L +512M $group/$pool /dev/mapper/bad
mount /dev/$group/$hung /live/hung
head -c 4M /dev/urandom >/live/hung/large
umount /live/hung

mkfs.ext4 -q -E nodiscard {_COPIES}
mount {_COPIES} /mnt/disk
"""
_CHANGE_DISK = f"""\
set -eu
{_NAMES}
{_BAD_DISK}
bad_disk load $1
dmsetup suspend --nolockfs bad
dmsetup resume bad
echo 3 >/proc/sys/vm/drop_caches
"""
_MEND = f"""\
set -eu
{_NAMES}
dd if=/root/superblock of=/dev/$group/$corrupt bs=1k count=2 conv=notrunc,fsync 2>/dev/null
cp /root/keys/right /root/keys/$locked.key
"""
HOUR = 3_600_000
"""Milliseconds."""


def make_volumes(machine: Machine, count: int) -> None:
    """So many volumes, the troubled ones among them; and a disk on /mnt/disk for their copies."""
    plain = str(count - len(TROUBLED))
    machine.run("sh", "-s", plain, text=_MAKE, seconds=SETUP_SECONDS)


def plain_volumes(count: int) -> list[str]:
    """Those that are well."""
    return [f"vm-1-{number:03}" for number in range(1, count - len(TROUBLED) + 1)]


def let_hang(machine: Machine) -> None:
    """Have the disk answer no more where the hung volume's file lies."""
    machine.run("sh", "-s", str(HOUR), text=_CHANGE_DISK)


def mend(machine: Machine) -> None:
    """Have the disk answer, with all that it was asked meanwhile; and mend the others."""
    machine.run("sh", "-s", "0", text=_CHANGE_DISK)
    machine.run("sh", "-s", text=_MEND)
