"""The virtual machines' image: a kernel, a Debian with LVM, and the state of one that has booted.

It is built once and kept outside the checkout.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from tests.lab.debian import (
    LEFT_OUT,
    PATH,
    CannotBuild,
    kept,
    key,
    make_root,
    python_of,
    release,
    require,
    require_python,
)
from tests.lab.qemu import STATE, empty, images, layer
from tests.lab.vm import GROUP_DISK, KEY, KNOWN_HOSTS, VirtualMachine

HERE = Path(__file__).resolve().parent
COMMON, OWN = HERE / "provision.sh", HERE / "provision_vm.sh"
MADE_BY = (HERE / "debian.py", HERE / "qemu.py", HERE / "vm.py", COMMON, OWN)
PACKAGES = (
    "linux-image-amd64",
    "initramfs-tools",
    "zstd",
    "systemd",
    "systemd-sysv",
    "dbus",
    "udev",
    "kmod",
    "iproute2",
    "procps",
    "tzdata",
    "python3",
    "sqlite3",
    "rsync",
    "openssh-client",
    "openssh-server",
    "acl",
    "attr",
    "e2fsprogs",
    "xfsprogs",
    "btrfs-progs",
    "lvm2",
    "thin-provisioning-tools",
    "cryptsetup-bin",
)
DRIVERS = (
    *("gpu", "media", "infiniband", "staging", "isdn", "iio", "usb", "hid", "input", "mtd", "mmc"),
    *("net/wireless", "net/ethernet", "bluetooth", "thunderbolt", "soundwire", "platform"),
    *("hwmon", "leds", "power"),
)
"""Of the kernel's, those for hardware that QEMU does not emulate here."""
MODULES = ("dm-thin-pool", "dm-snapshot", "dm-crypt", "xts", "btrfs", "xfs", "9p", "9pnet_virtio")
"""Loaded once, before the state is saved."""
TOOLS = ("mmdebstrap", "qemu-system-x86_64", "qemu-img", "mke2fs", "setpriv", "ssh")
ROOT_SIZE = "4G"
GROUP, POOL, POOL_MEBIBYTES = "lab", "pool", 512
"""A volume group with a thin pool, which takes long to make; the pool is an eighth of the group."""


def vm_image(where: Path) -> Path:
    """The directory of the image, built if it is not there. Raises `CannotBuild`, `DidNotBoot`."""
    require(TOOLS)
    if (release("ID"), platform.machine()) != ("debian", "x86_64"):
        raise CannotBuild("virtual machines are built on Debian for x86-64 alone")
    suite = release()
    command = ["qemu-system-x86_64", "--version"]  # another one may not read what this one saved
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    made_of = key([Path(__file__), *MADE_BY], suite, version)
    image = kept(where, f"vm-{suite}-{made_of}", _build)
    require_python((image / "python").read_text())
    return image


def _build(image: Path) -> None:
    image.mkdir()
    root = image.with_name("root")
    drivers = [f"/lib/modules/*/kernel/drivers/{name}/*" for name in DRIVERS]
    make_root(
        root,
        packages=PACKAGES,
        left_out=[*LEFT_OUT, *drivers, "/lib/modules/*/kernel/sound/*"],
        hooks=[f"--extract-hook={OWN}", f"--customize-hook={COMMON}", f"--customize-hook={OWN}"],
    )
    for name in ("vmlinuz", "initrd.img"):
        shutil.move(root / "boot" / name, image / name)
    shutil.copy(root / "root/.ssh/id_ed25519", image / KEY)
    shutil.copy(root / "root/.ssh/known_hosts", image / KNOWN_HOSTS)
    (image / "python").write_text(python_of(root))
    _disks(root, image)
    _bake(image)


def _disks(root: Path, image: Path) -> None:
    first, *others = images(image)
    base = image / "root.raw"
    with base.open("wb"):
        command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", root, base, ROOT_SIZE]
        subprocess.run(list(map(str, command)), env={"PATH": PATH}, check=True, capture_output=True)
    layer(Path(base.name), first)  # found beside it, wherever both are
    for other in others:
        empty(other)


def _bake(image: Path) -> None:
    machine = VirtualMachine(image, image)
    try:
        machine.boot()
        # QEMU saves no state while files of the host are mounted.
        machine.run("umount", "/opt/policyctl")
        machine.run("modprobe", "--all", *MODULES)
        machine.run("vgcreate", "-qq", GROUP, str(GROUP_DISK))
        pool = ["--type", "thin-pool", "-L", f"{POOL_MEBIBYTES}M", "--poolmetadatasize", "8M"]
        machine.run("lvcreate", "-qq", "-y", *pool, "-n", POOL, GROUP)
        machine.run("sync")
        machine.save(image / STATE)
    finally:
        machine.pull_plug()
