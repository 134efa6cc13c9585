"""The containers' image: a small Debian with systemd, built once and kept outside the checkout."""

from __future__ import annotations

from pathlib import Path

from tests.lab.debian import (
    LEFT_OUT,
    kept,
    key,
    make_root,
    python_of,
    release,
    require,
    require_python,
)

HERE = Path(__file__).resolve().parent
PROVISION = HERE / "provision.sh"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "rsync",
    "openssh-client",
    "openssh-server",
    "curl",
    "e2fsprogs",
    "procps",
    "tzdata",
    "prometheus",
    "prometheus-pushgateway",
    "postgresql",
    "mariadb-server",
    "redis-server",
    "etcd-server",
    "etcd-client",
    "zstd",
    "age",
    "btrfs-progs",
)
TOOLS = ("mmdebstrap", "systemd-nspawn", "nsenter", "setpriv", "losetup", "mkfs.ext4")


def image(where: Path) -> Path:
    """The root directory of the image, built if it is not there. Raises `CannotBuild`."""
    require(TOOLS)
    suite = release()
    made_of = key([Path(__file__), HERE / "debian.py", PROVISION], suite)
    root = kept(where, f"{suite}-{made_of}", _build)
    require_python(python_of(root))
    return root


def _build(root: Path) -> None:
    hooks = [f"--customize-hook={PROVISION}"]
    make_root(root, packages=PACKAGES, left_out=LEFT_OUT, hooks=hooks)
